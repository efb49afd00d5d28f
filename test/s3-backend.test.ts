import { randomBytes } from "node:crypto";
import { openBackend } from "@tsbak/backends";
import type { Backend } from "@tsbak/core";
import { describeBackend } from "@tsbak/core/testing";
import { afterAll, beforeAll, describe } from "vitest";
import { requirePeer, Workshop, type PeerName } from "./peers.ts";
import { startMinio } from "./servers/minio.ts";
import { startRadosgw } from "./servers/radosgw.ts";
import { startRcloneS3 } from "./servers/rclone-s3.ts";
import { environmentOf, type S3Server } from "./servers/s3-server.ts";

const servers: readonly [PeerName, (folder: string) => Promise<S3Server>][] = [
  ["radosgw", startRadosgw],
  ["minio", startMinio],
  ["rclone-s3", startRcloneS3],
];

describe.each(servers)("S3Backend on %s", (peer, start) => {
  describe.skipIf(!requirePeer(peer))("", () => {
    const opened: Backend[] = [];
    let workshop: Workshop;
    let server: S3Server;
    beforeAll(async () => {
      workshop = new Workshop();
      server = await start(workshop.folder);
    });
    afterAll(async () => {
      for (const backend of opened) await backend.close?.();
      await server.stop();
      workshop.close();
    });

    describeBackend("contract", async () => {
      const prefix = `of/${randomBytes(6).toString("hex")}`;
      const backend = await openBackend(`s3:${server.endpoint}/test-bucket/${prefix}`, {
        environment: environmentOf(server),
      });
      opened.push(backend);
      return backend;
    });
  });
});
