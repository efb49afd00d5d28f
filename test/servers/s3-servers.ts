import type { PeerName } from "../peers.ts";
import { startMinio } from "./minio.ts";
import { startRadosgw } from "./radosgw.ts";
import { startRcloneS3 } from "./rclone-s3.ts";
import type { S3Server } from "./s3-server.ts";

/** Starts a server whose files and logs lie in a folder. */
export type StartS3Server = (folder: string) => Promise<S3Server>;

/** All servers that speak S3, each by the program that it needs. */
export const S3_SERVERS: readonly (readonly [PeerName, StartS3Server])[] = [
  ["radosgw", startRadosgw],
  ["minio", startMinio],
  ["rclone-s3", startRcloneS3],
];
