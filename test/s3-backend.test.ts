import { randomBytes } from "node:crypto";
import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { openBackend } from "@tsbak/backends";
import { defaultLayoutPath, KIND_FOLDERS, type Backend, type FileRef } from "@tsbak/core";
import { describeBackend } from "@tsbak/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withRetry } from "../packages/core/src/backend/retry.ts";
import { requirePeer, Workshop, type PeerName } from "./peers.ts";
import { startCuttingProxy, type Cut, type CuttingProxy } from "./servers/cutting-proxy.ts";
import { environmentOf, type S3Server } from "./servers/s3-server.ts";
import { S3_SERVERS, type StartS3Server } from "./servers/s3-servers.ts";

const BUCKET = "test-bucket";
const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };
const MIB = 1 << 20;

describe.each(S3_SERVERS)("S3Backend on %s", (peer, start) => {
  describe.skipIf(!requirePeer(peer))("", () => testServer(peer, start));
});

function testServer(peer: PeerName, start: StartS3Server): void {
  const closing: (() => Promise<void> | undefined)[] = [];
  let workshop: Workshop;
  let server: S3Server;
  beforeAll(async () => {
    workshop = new Workshop();
    server = await start(workshop.folder);
  });
  afterAll(async () => {
    for (const close of closing) await close();
    await server.stop();
    workshop.close();
  });

  const newPrefix = (): string => `of/${randomBytes(6).toString("hex")}`;

  async function open(
    place: string,
    { options = {}, environment = {}, endpoint = server.endpoint }: Opening = {},
  ): Promise<Backend> {
    const backend = await openBackend(`s3:${endpoint}/${place}`, {
      environment: { ...environmentOf(server), ...environment },
      options,
    });
    closing.push(() => backend.close?.());
    // Of uploads to one new folder at once, rclone now and then refuses one with an internal error, and takes it the next time.
    const patience = { firstDelayMs: 10, giveUpAfterMs: 200 };
    return peer === "rclone-s3" ? withRetry(backend, patience) : backend;
  }

  async function openNew(): Promise<Backend> {
    const backend = await open(`${BUCKET}/${newPrefix()}`);
    await backend.create();
    return backend;
  }

  /** The same place as `backend`, seen through a proxy that stops in the middle. */
  async function openThrough(backend: Backend, cut: Cut): Promise<[Backend, CuttingProxy]> {
    const proxy = await startCuttingProxy(server.endpoint, cut);
    const place = backend.location.split("/").slice(3).join("/");
    const through = await open(place, { endpoint: proxy.endpoint });
    closing.push(proxy.close);
    return [through, proxy];
  }

  function client(): S3Client {
    const { endpoint, accessKeyId, secretAccessKey } = server;
    const credentials = { accessKeyId, secretAccessKey };
    return new S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true });
  }

  describeBackend("contract", () => open(`${BUCKET}/${newPrefix()}`), {
    reportsPieces: true,
    tellsTimes: true,
    addStranger: async (backend, kind, name) => {
      const prefix = backend.location.split("/").slice(4).join("/");
      const Key = `${prefix}/${KIND_FOLDERS[kind]}/${kind === "pack" ? "ab/" : ""}${name}`;
      await client().send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: "stranger" }));
    },
  });

  test("list() goes through more files than one answer holds, in the new way and the old", async () => {
    const names = Array.from({ length: 1100 }, (_, at) => at.toString(16).padStart(64, "0"));
    const left = [...names];
    const backend = await open(`${BUCKET}/many`);
    await backend.create();
    const upload = async (): Promise<void> => {
      for (let name = left.pop(); name; name = left.pop()) {
        await backend.write({ kind: "snapshot", name }, BYTES);
      }
    };
    await Promise.all(Array.from({ length: 16 }, upload));

    const old = await open(`${BUCKET}/many`, { options: { "s3.list-objects-v1": "true" } });
    for (const lister of [backend, old]) {
      const listed: string[] = [];
      for await (const { name } of lister.list("snapshot")) listed.push(name);
      expect(listed.sort()).toEqual(names);
    }
  });

  test("write() and read() take a file of 128 MiB, in shared and lent memory", async () => {
    const backend = await openNew();
    const bytes = new Uint8Array(new SharedArrayBuffer(128 * MIB));
    for (let at = 0; at < bytes.length; at += 4 * MIB) bytes.set(randomBytes(MIB), at);

    await backend.write(PACK, bytes);
    const into = new ArrayBuffer(bytes.length);
    const read = await backend.read(PACK, undefined, { into });

    expect(read.buffer).toBe(into);
    expect(Buffer.compare(read, bytes)).toBe(0);
    const tail = { offset: bytes.length - 3 * MIB, length: 3 * MIB };
    expect(Buffer.compare(await backend.read(PACK, tail), bytes.subarray(-3 * MIB))).toBe(0);
  });

  test("every method says which half of the credentials is wrong, and neither", async () => {
    const { location } = await openNew();
    const place = location.split("/").slice(3).join("/");
    for (const [name, message] of [
      ["AWS_ACCESS_KEY_ID", /access key id.*AWS_ACCESS_KEY_ID/],
      ["AWS_SECRET_ACCESS_KEY", /secret key.*AWS_SECRET_ACCESS_KEY/],
    ] as const) {
      const backend = await open(place, { environment: { [name]: "misspelt" } });
      for (const call of callsOf(backend)) {
        const error: unknown = await call().catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "denied", message: expect.stringMatching(message) });
        expect(String(error)).not.toContain("misspelt");
      }
    }
  });

  test("a bucket that is not there is not-found, until create() makes it", async () => {
    const backend = await open("another-bucket/prefix");

    for (const call of [
      () => backend.stat(PACK),
      () => backend.read(PACK),
      () => backend.write(PACK, BYTES),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "not-found" });
    }
    expect(await backend.list("pack")[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
    await backend.create();
    await backend.write(PACK, BYTES);
  });

  test("read() fails as unavailable when the connection is cut in the middle", async () => {
    const backend = await openNew();
    await backend.write(PACK, new Uint8Array(4 * MIB));
    const [through, proxy] = await openThrough(backend, { down: MIB, how: "cut" });

    await expect(through.read(PACK)).rejects.toMatchObject({ code: "unavailable" });
    await proxy.stopped;
  });

  test("write() fails as unavailable when the connection is cut in the middle, and leaves nothing", async () => {
    const backend = await openNew();
    const [through, proxy] = await openThrough(backend, { up: MIB, how: "cut" });

    const writing = through.write(PACK, new Uint8Array(4 * MIB));

    await expect(writing).rejects.toMatchObject({ code: "unavailable" });
    await proxy.stopped;
    await expect(backend.stat(PACK)).rejects.toMatchObject({ code: "not-found" });
    await backend.write(PACK, BYTES);
  });

  test.each([
    ["read()", { down: MIB, how: "stall" }],
    ["write()", { up: MIB, how: "stall" }],
  ] as const)("%s that is aborted ends, though the server says nothing", async (method, cut) => {
    const backend = await openNew();
    if (method === "read()") await backend.write(PACK, new Uint8Array(4 * MIB));
    const [through, proxy] = await openThrough(backend, cut);
    const abort = new AbortController();
    const { signal } = abort;

    const call =
      method === "read()"
        ? through.read(PACK, undefined, { signal })
        : through.write(PACK, new Uint8Array(64 * MIB), { signal });
    const ended = expect(call).rejects.toMatchObject({ code: "interrupted" });
    await proxy.stopped;
    abort.abort();

    await ended;
  });

  // rclone keeps plain files.
  test.skipIf(peer === "rclone-s3")("files are kept from removal as long as wished", async () => {
    const options = { "s3.retention": "1h", "s3.retention-mode": "COMPLIANCE" };
    const backend = await open("kept-bucket/prefix", { options });
    const lock: FileRef = { kind: "lock", name: PACK.name };
    await backend.create();
    await backend.write(PACK, BYTES);
    await backend.write(lock, BYTES);

    const removeForGood = async (ref: FileRef): Promise<void> => {
      const Key = `prefix/${defaultLayoutPath(ref)}`;
      const query = { Bucket: "kept-bucket", Prefix: Key };
      const { Versions } = await client().send(new ListObjectVersionsCommand(query));
      const VersionId = Versions?.[0]?.VersionId;
      await client().send(new DeleteObjectCommand({ Bucket: "kept-bucket", Key, VersionId }));
    };

    await expect(removeForGood(PACK)).rejects.toThrow(/WORM|object lock/);
    await removeForGood(lock);
    expect(Buffer.compare(await backend.read(PACK), BYTES)).toBe(0);
    await expect(backend.stat(lock)).rejects.toMatchObject({ code: "not-found" });
  });

  test.skipIf(peer === "rclone-s3")("a bucket that cannot keep files says so", async () => {
    const backend = await openNew();
    const place = backend.location.split("/").slice(3).join("/");
    const keeping = await open(place, { options: { "s3.retention": "1h" } });

    await expect(keeping.write(PACK, BYTES)).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("object lock"),
    });
  });
}

const BYTES = new Uint8Array(10).fill(7);

interface Opening {
  readonly options?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly endpoint?: string;
}

/** A call of each method. */
function callsOf(backend: Backend): (() => Promise<unknown>)[] {
  return [
    () => backend.create(),
    () => backend.stat(PACK),
    () => backend.read(PACK),
    () => backend.write(PACK, BYTES),
    () => backend.list("pack")[Symbol.asyncIterator]().next(),
    () => backend.remove(PACK),
  ];
}
