import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findPeer } from "../peers.ts";
import type { S3Server } from "./s3-server.ts";
import { freePort, startServer, waitForHttp } from "./server-process.ts";

/** How MinIO is started. */
export interface MinioOptions {
  /** A folder with `public.crt` and `private.key`: then it speaks TLS, and `endpoint` begins with https. */
  readonly certificates?: string | undefined;
  /** The region that it says it is in; none unless given. */
  readonly region?: string | undefined;
}

/** MinIO, keeping its objects in a folder. */
export async function startMinio(folder: string, options: MinioOptions = {}): Promise<S3Server> {
  const [program] = findPeer("minio") ?? [];
  if (program === undefined) throw new Error("Cannot start MinIO: it is missing");
  const data = join(folder, "minio");
  mkdirSync(data, { recursive: true });
  const logFile = join(folder, "minio.log");
  const address = `127.0.0.1:${await freePort()}`;
  const [accessKeyId, secretAccessKey] = ["minio-test", "minio-test-secret"];
  const certificates = join(folder, "no-certificates");
  const process = startServer(
    program,
    [
      ...["server", data, "--address", address, "--console-address", "127.0.0.1:0", "--quiet"],
      ...["--certs-dir", options.certificates ?? certificates],
    ],
    {
      logFile,
      env: {
        HOME: folder,
        MINIO_ROOT_USER: accessKeyId,
        MINIO_ROOT_PASSWORD: secretAccessKey,
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
        ...(options.region === undefined ? {} : { MINIO_REGION: options.region }),
      },
    },
  );
  await waitForHttp(`http://${address}/minio/health/ready`, logFile);
  const protocol = options.certificates === undefined ? "http" : "https";
  return {
    name: "MinIO",
    endpoint: `${protocol}://${address}`,
    accessKeyId,
    secretAccessKey,
    stop: process.stop,
  };
}
