/** The B2 backend on the stand-in for B2: who may use it, and who is trusted. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Backend } from "@tsbak/core";
import { bytesOf, listAll, sameBytes, someRef } from "@tsbak/core/testing";
import { afterAll, describe, expect, test } from "vitest";

import { B2Stores, PREFIX } from "./b2-store.ts";
import { startB2Fake } from "./servers/b2-fake/start-b2-fake.ts";

const stores = new B2Stores().register();

describe("B2Backend over TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "tsbak-b2-"));
  const certificate = makeCertificate(folder);
  if (certificate === undefined) console.warn("SKIPPED: the tests of TLS need openssl");
  afterAll(() => rmSync(folder, { recursive: true }));

  test.skipIf(!certificate)(
    "a server is trusted if its authority is, or if nobody cares",
    async () => {
      const { file = "", cert = "", key = "" } = certificate ?? {};
      const server = await startB2Fake({ cert, key });
      server.store.create("bucket-over-tls");
      const common = {
        bucketName: "bucket-over-tls",
        key: server.masterKey,
        options: { "b2.endpoint": server.endpoint },
      };
      const shared = new Uint8Array(new SharedArrayBuffer(3_000_000)).fill(7);
      const ref = someRef("pack");

      const untrusted = await stores.open(common);
      await expect(untrusted.stat(ref)).rejects.toMatchObject({
        code: "denied",
        message: expect.stringContaining("--cacert") as string,
      });
      const trusted = await stores.open({ ...common, tls: { authorityFiles: [file] } });
      await trusted.write(ref, shared);
      const careless = await stores.open({ ...common, tls: { isInsecure: true } });
      expect(sameBytes(await careless.read(ref), shared)).toBe(true);

      for (const backend of [trusted, careless]) await backend.close?.();
      await server.stop();
    },
  );
});

describe("B2Backend and who may do what", () => {
  test("create() makes a private bucket if there is none", async () => {
    const bucketName = `made-${randomBytes(4).toString("hex")}`;
    const backend = await stores.open({ bucketName });

    await backend.create();
    await backend.create();
    await backend.write(someRef("pack"), bytesOf(10));

    expect(stores.fake.store.find(bucketName)?.bucketType).toBe("allPrivate");
    expect((await listAll(backend, "pack")).length).toBe(1);
  });

  test("create() is denied where the key may make no bucket, or another account has it", async () => {
    const capabilities = ["listBuckets", "listFiles", "readFiles", "writeFiles"];
    const key = stores.fake.keys.add({ capabilities });
    const denied = await stores.open({ bucketName: "not-there", key });
    await expect(denied.create()).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("writeBuckets") as string,
    });

    stores.fake.faults.fail("b2_create_bucket", { status: 400, code: "duplicate_bucket_name" });
    const taken = await stores.open({ bucketName: "taken-by-other" });
    await expect(taken.create()).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("another account") as string,
    });
  });

  test("without its bucket nothing is found or listed, and nothing can be written", async () => {
    const backend = await stores.open({ bucketName: "not-there" });

    const missing = { code: "not-found" };
    await expect(backend.write(someRef("pack"), bytesOf(1))).rejects.toMatchObject({
      ...missing,
      message: expect.stringContaining('no bucket "not-there"') as string,
    });
    await expect(backend.stat(someRef("pack"))).rejects.toMatchObject(missing);
    await expect(backend.read(someRef("pack"))).rejects.toMatchObject(missing);
    expect(await listAll(backend, "config")).toEqual([]);
    expect(await listAll(backend, "key")).toEqual([]);
    await backend.remove(someRef("pack"));
    const options = { "b2.hard-delete": "false" };
    const hiding = await stores.open({ bucketName: "not-there", options });
    await hiding.remove(someRef("pack"));
  });

  test("a key for one bucket and prefix is enough, and B2 is not asked for buckets", async () => {
    const { bucketId } = stores.bucket;
    const capabilities = ["listFiles", "readFiles", "writeFiles", "deleteFiles"];
    const key = stores.fake.keys.add({ bucketId, capabilities, namePrefix: `${PREFIX}/` });
    const backend = await stores.open({ key });

    const asked = await stores.countCalls("b2_list_buckets", () => useAll(backend));

    expect(asked).toBe(0);
  });

  test("a key for another bucket or prefix is refused, with the place that it is for", async () => {
    const { bucketId, bucketName } = stores.bucket;
    const key = stores.fake.keys.add({ bucketId, namePrefix: "hosts/a/" });

    const elsewhere = await stores.open({ key, prefix: "hosts/b" });
    await expect(elsewhere.stat(someRef("pack"))).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining(`use b2:${bucketName}:hosts/a/`) as string,
    });
    const otherBucket = await stores.open({ key, bucketName: "not-there", prefix: "hosts/a" });
    await expect(otherBucket.create()).rejects.toMatchObject({ code: "denied" });
    await useAll(await stores.open({ key, prefix: "hosts/a" }));
  });

  test("a key that may only read is denied all else", async () => {
    const ref = someRef("pack");
    await (await stores.open()).write(ref, bytesOf(10));
    const capabilities = ["listBuckets", "listFiles", "readFiles"];
    const backend = await stores.open({ key: stores.fake.keys.add({ capabilities }) });

    expect((await backend.read(ref)).length).toBe(10);
    expect((await listAll(backend, "pack")).length).toBe(1);
    const denied = { code: "denied" };
    await expect(backend.write(someRef("pack"), bytesOf(1))).rejects.toMatchObject(denied);
    await expect(backend.remove(ref)).rejects.toMatchObject(denied);
  });
});

async function useAll(backend: Backend): Promise<void> {
  const ref = someRef("pack");
  await backend.create();
  await backend.write(ref, bytesOf(10));
  expect((await backend.read(ref)).length).toBe(10);
  expect((await backend.stat(ref)).size).toBe(10);
  expect((await listAll(backend, "pack")).map(({ name }) => name)).toContain(ref.name);
  await backend.remove(ref);
  expect(await listAll(backend, "pack")).toEqual([]);
}

/** A certificate for 127.0.0.1 that is its own authority; undefined where it cannot be made. */
function makeCertificate(
  folder: string,
): { readonly file: string; readonly cert: string; readonly key: string } | undefined {
  const [file, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  try {
    execFileSync("openssl", ["req", ...kind, ...subject, "-out", file, "-keyout", keyFile], {
      stdio: "ignore",
    });
  } catch (error) {
    if (process.env.CI) throw error;
    return undefined;
  }
  return { file, cert: readFileSync(file, "utf8"), key: readFileSync(keyFile, "utf8") };
}
