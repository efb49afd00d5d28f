import { createHash, randomBytes } from "node:crypto";

import type { FileRef } from "@tsbak/core";
import { describeBackend } from "@tsbak/core/testing";
import { beforeAll, describe, expect, test } from "vitest";

import { requirePeer } from "./peers.ts";
import { startRcloneRestic, type RcloneRestic } from "./servers/rclone-restic.ts";
import { RestStores } from "./rest-stores.ts";

const shop = new RestStores().register();

describe.skipIf(!requirePeer("rclone"))("rclone serve restic", () => {
  let rclone: RcloneRestic;
  beforeAll(async () => {
    shop.own((rclone = await startRcloneRestic(shop.newFolder())));
  });

  describeBackend("over HTTP", () => shop.openNew(rclone.url), { reportsPieces: true });

  test("in append-only mode refuses as rest-server does", async () => {
    const server = await startRcloneRestic(shop.newFolder(), ["--append-only"]);
    shop.own(server);
    const store = await shop.openNew(server.url);
    await store.create();
    const bytes = randomBytes(1000);
    await store.write(hashed("pack", bytes), bytes);
    await store.write(hashed("lock", bytes), bytes);

    await expect(store.write(hashed("pack", bytes), bytes)).rejects.toMatchObject({
      code: "already-exists",
    });
    await expect(store.remove(hashed("pack", bytes))).rejects.toMatchObject({ code: "denied" });
    await store.remove(hashed("lock", bytes));
  });
});

function hashed(kind: FileRef["kind"], bytes: Uint8Array): FileRef {
  return { kind, name: createHash("sha256").update(bytes).digest("hex") };
}
