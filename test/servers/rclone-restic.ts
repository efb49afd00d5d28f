import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findPeer } from "../peers.ts";
import { startListening } from "./listening-program.ts";

/** An rclone that runs as a server of restic's protocol. */
export interface RcloneRestic {
  /** `http://127.0.0.1:PORT`; a path follows it. */
  readonly url: string;
  /** Where it keeps what it stores. */
  readonly data: string;
  stop(): Promise<void>;
}

/** Start `rclone serve restic` over HTTP for a folder of its own in `folder`. */
export async function startRcloneRestic(
  folder: string,
  args: readonly string[] = [],
): Promise<RcloneRestic> {
  const data = join(folder, "data");
  mkdirSync(data, { recursive: true });
  const program = await startListening(
    [
      ...(findPeer("rclone") ?? ["rclone"]),
      ...["serve", "restic", "--addr", "127.0.0.1:0", ...args, data],
    ],
    {
      listening: /on \[(http:\/\/[^/\]]+)\/?\]/,
      env: { HOME: folder, RCLONE_CONFIG: join(folder, "rclone.conf") },
    },
  );
  return { url: program.address, data, stop: () => program.stop() };
}
