import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findPeer } from "../peers.ts";
import type { S3Server } from "./s3-server.ts";
import { freePort, startServer, waitForHttp } from "./server-process.ts";

/** `rclone serve s3`, which keeps buckets as folders and objects as files. */
export async function startRcloneS3(folder: string): Promise<S3Server> {
  const [program] = findPeer("rclone-s3") ?? [];
  if (program === undefined) throw new Error("Cannot start rclone: it is missing");
  const data = join(folder, "rclone-s3");
  mkdirSync(data, { recursive: true });
  const logFile = join(folder, "rclone-s3.log");
  const address = `127.0.0.1:${await freePort()}`;
  const [accessKeyId, secretAccessKey] = ["rclone-test", "rclone-test-secret"];
  const process = startServer(
    program,
    ["serve", "s3", data, "--addr", address, "--auth-key", `${accessKeyId},${secretAccessKey}`],
    { logFile, env: { HOME: folder, RCLONE_CONFIG: join(folder, "rclone.conf") } },
  );
  await waitForHttp(`http://${address}/`, logFile);
  return {
    name: "rclone serve s3",
    endpoint: `http://${address}`,
    accessKeyId,
    secretAccessKey,
    stop: process.stop,
  };
}
