import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CreateBucketCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { openBackend } from "@tsbak/backends";
import { backup, createRepository, verify, type Backend } from "@tsbak/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer, Workshop } from "./peers.ts";
import { startRadosgw, type Radosgw } from "./servers/radosgw.ts";

const KEYS = { AWS_ACCESS_KEY_ID: "web1-key", AWS_SECRET_ACCESS_KEY: "web1-secret" };
const password = "correct horse";

/** The first block of a language in the walk-through. */
function blockOf(language: string): string {
  const text = readFileSync(join(import.meta.dirname, "../docs/stores/s3.md"), "utf8");
  return text.split(`\`\`\`${language}\n`)[1]?.split("```")[0] ?? "";
}

describe.skipIf(!requirePeer("radosgw"))("the policy of docs/stores/s3.md", () => {
  const opened: Backend[] = [];
  let shop: Workshop;
  let server: Radosgw;

  beforeAll(async () => {
    shop = new Workshop();
    server = await startRadosgw(shop.folder);
    server.addUser("web1", KEYS.AWS_ACCESS_KEY_ID, KEYS.AWS_SECRET_ACCESS_KEY);
    const { endpoint, accessKeyId, secretAccessKey } = server;
    const credentials = { accessKeyId, secretAccessKey };
    const admin = new S3Client({
      ...{ endpoint, credentials, region: "us-east-1", forcePathStyle: true },
    });
    const Bucket = "backups";
    await admin.send(new CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: "Enabled" } as const;
    await admin.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    await admin.send(new PutBucketPolicyCommand({ Bucket, Policy: blockOf("json") }));
    admin.destroy();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close?.();
    await server.stop();
    shop.close();
  });

  async function open(prefix: string): Promise<Backend> {
    const location = `s3:${server.endpoint}/backups/${prefix}`;
    const backend = await openBackend(location, { environment: KEYS });
    opened.push(backend);
    return backend;
  }

  test("lets a host make a repository below its prefix, back up and verify", async () => {
    const repository = await createRepository(await open("web1"), { password });

    await backup(repository, [import.meta.dirname]);

    expect((await verify(repository, { readData: true })).errors).toEqual([]);
  });

  test("lets it remove locks and nothing else", async () => {
    const backend = await open("web1");
    const bytes = new Uint8Array(10);
    const name = "ab".repeat(32);
    for (const kind of ["lock", "pack", "index", "snapshot", "key"] as const) {
      await backend.write({ kind, name }, bytes);
    }

    await backend.remove({ kind: "lock", name });

    for (const kind of ["pack", "index", "snapshot", "key"] as const) {
      await expect(backend.remove({ kind, name })).rejects.toMatchObject({ code: "denied" });
      expect(await backend.read({ kind, name })).toEqual(bytes);
    }
  });

  test("lets it do nothing below another prefix", async () => {
    const other = await open("db1");
    const ref = { kind: "pack", name: "ab".repeat(32) } as const;

    for (const call of [
      () => other.create(),
      () => other.write(ref, new Uint8Array(10)),
      () => other.read(ref),
      () => other.stat(ref),
      () => other.list("pack")[Symbol.asyncIterator]().next(),
      () => other.remove(ref),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "denied" });
    }
  });
});
