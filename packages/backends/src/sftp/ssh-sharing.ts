/**
 * Several channels over one connection of ssh. A channel has at most 2 MiB under way, which over a distance is less than what the line
 * could carry; and a server works on the requests of one channel one by one, so that a slow disk holds all of them up. Further
 * channels cost no further login.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import type { SftpCommand } from "./ssh-command.ts";

/** How the first channel and the further ones are opened. */
export interface SharedCommands {
  readonly first: SftpCommand;
  /** To be run while the first runs; it never asks for anything. */
  readonly further: SftpCommand;
  /** Remove what was made for it. */
  dispose(): Promise<void>;
}

/** The system's limit is about 104 bytes, and ssh itself puts 17 behind the name for a moment. */
const LONGEST_SOCKET_PATH = 80;
const ASKING_MS = 10_000;
/** Nothing is asked where nobody looks; and if there is nothing to share, ssh must not make a connection of its own. */
const QUIET = ["BatchMode=yes", "ControlMaster=no", "ProxyCommand=false"];

/** Have ssh share the connection that `command` makes; undefined where it cannot be done: then there is one channel. */
export async function shareConnection(command: SftpCommand): Promise<SharedCommands | undefined> {
  if (command.isOwn || process.platform === "win32") return undefined;
  const isShared = await isSharedAlready(command);
  if (isShared === undefined) return undefined;
  // The user's own way to share connections stays as it is.
  if (isShared) {
    return { first: command, further: withOptions(command, QUIET), dispose: async () => undefined };
  }
  const folder = await mkdtemp(join(tmpdir(), "tsbak-ssh-")).catch(() => undefined);
  if (folder === undefined) return undefined;
  // Nobody closes the store if the process is made to end at once.
  const removeNow = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeNow);
  const dispose = async (): Promise<void> => {
    process.off("exit", removeNow);
    await rm(folder, { recursive: true, force: true });
  };
  const socket = join(folder, "socket");
  // In a path, ssh puts other words in for these characters.
  if (socket.length > LONGEST_SOCKET_PATH || /[%"~$\s]/.test(socket)) {
    await dispose();
    return undefined;
  }
  const path = `ControlPath=${socket}`;
  return {
    first: withOptions(command, [path, "ControlMaster=yes", "ControlPersist=no"]),
    further: withOptions(command, [path, ...QUIET]),
    dispose,
  };
}

/** Whether the user's settings say where connections are shared; undefined if ssh cannot be asked. */
async function isSharedAlready({ program, args }: SftpCommand): Promise<boolean | undefined> {
  try {
    const asking = promisify(execFile)(program, ["-G", ...args], { timeout: ASKING_MS });
    asking.child.stdin?.end();
    return /^controlpath /m.test((await asking).stdout);
  } catch {
    // If something is wrong, connecting tells what.
    return undefined;
  }
}

/** Before the name of the subsystem, and after what the user said: ssh takes the first value that it sees. */
function withOptions(command: SftpCommand, options: readonly string[]): SftpCommand {
  const { args } = command;
  const added = options.flatMap((option) => ["-o", option]);
  return { ...command, args: [...args.slice(0, -2), ...added, ...args.slice(-2)] };
}
