import { createHash } from "node:crypto";

import { CONFIG_REF, type Backend, type FileRef } from "@tsbak/core";
import { describe, expect, test } from "vitest";

import { refusal, S3Answers, type Answer } from "../testing/s3-answers.ts";

const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };
const LOCK: FileRef = { kind: "lock", name: "cd".repeat(32) };
const BYTES = new Uint8Array([1, 2, 3]);

const server = new S3Answers().register();

describe("S3Backend.write()", () => {
  test("asks for a new object, with its length, MD5 and the program's name", async () => {
    await (await server.open({ userAgent: "tsbak/1.2" })).write(PACK, BYTES);

    expect(server.seen.length).toBe(1);
    const [{ method, url, headers, body } = {}] = server.seen;
    expect([method, url?.split("?")[0]]).toEqual(["PUT", `/bucket/prefix/data/ab/${PACK.name}`]);
    expect(headers).toMatchObject({
      "if-none-match": "*",
      "content-length": "3",
      "content-md5": createHash("md5").update(BYTES).digest("base64"),
      "x-amz-content-sha256": createHash("sha256").update(BYTES).digest("hex"),
      "user-agent": "tsbak/1.2",
    });
    expect(headers?.["x-amz-checksum-crc32"]).toBe(undefined);
    expect(body).toEqual(Buffer.from(BYTES));
  });

  test("uploads memory that is shared", async () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(100), 10, 50).fill(7);

    await (await server.open()).write(PACK, bytes);

    expect(server.seen[0]?.body).toEqual(Buffer.alloc(50, 7));
  });

  test.each([
    ["GLACIER", "pack", true, "GLACIER"],
    ["GLACIER", "pack", false, undefined],
    ["deep_archive", "pack", undefined, undefined],
    ["GLACIER", "index", undefined, undefined],
    ["DEEP_ARCHIVE", "key", undefined, undefined],
    ["STANDARD_IA", "pack", false, "STANDARD_IA"],
    ["STANDARD_IA", "index", undefined, "STANDARD_IA"],
    ["GLACIER_IR", "index", undefined, "GLACIER_IR"],
  ] as const)(
    "with storage class %s gives a file of kind %s (contents only: %s) %s",
    async (wish, kind, isContents, got) => {
      const options = { "s3.storage-class": wish };

      await (
        await server.open({ options })
      ).write({ kind, name: PACK.name }, BYTES, { isContents });

      expect(server.seen[0]?.headers["x-amz-storage-class"]).toBe(got);
    },
  );

  test("replace() uploads without a condition, where it can be read at once, and for as long as wished", async () => {
    const options = { "s3.storage-class": "GLACIER", "s3.retention": "2d" };

    await (await server.open({ options })).replace?.(CONFIG_REF, BYTES);

    const [{ method, url, headers } = {}] = server.seen;
    expect([method, url?.split("?")[0]]).toEqual(["PUT", "/bucket/prefix/config"]);
    expect(headers).not.toHaveProperty("if-none-match");
    expect(headers).not.toHaveProperty("x-amz-storage-class");
    expect(headers).toMatchObject({ "x-amz-object-lock-mode": "GOVERNANCE" });
  });

  test("keeps all but locks for as long as wished", async () => {
    const backend = await server.open({ options: { "s3.retention": "2d" } });

    await backend.write(PACK, BYTES);
    await backend.write(LOCK, BYTES);

    const until = server.seen[0]?.headers["x-amz-object-lock-retain-until-date"];
    const days = (Date.parse(String(until)) - Date.now()) / 86_400_000;
    expect(server.seen[0]?.headers["x-amz-object-lock-mode"]).toBe("GOVERNANCE");
    expect(Math.abs(days - 2)).toBeLessThan(0.01);
    expect(server.seen[1]?.headers["x-amz-object-lock-mode"]).toBe(undefined);
  });

  test("asks first where the store does not know conditions, and does not try them again", async () => {
    const stored = new Set<string>();
    server.answer = ({ method, url, headers }) => {
      if (headers["if-none-match"] !== undefined) return refusal(501, "NotImplemented");
      const path = url.split("?")[0] ?? "";
      if (method === "PUT") stored.add(path);
      return stored.has(path) ? {} : { status: 404 };
    };
    const backend = await server.open();

    await backend.write(PACK, BYTES);
    await expect(backend.write(PACK, BYTES)).rejects.toMatchObject({ code: "already-exists" });

    expect(server.seen.map((request) => request.method)).toEqual(["PUT", "HEAD", "PUT", "HEAD"]);
  });

  test("takes it for new where the store refuses to tell, if no listing has it", async () => {
    server.answer = ({ method, url, headers }) => {
      if (headers["if-none-match"] !== undefined) return refusal(501, "NotImplemented");
      if (url.includes("list-type")) return { body: "<ListBucketResult></ListBucketResult>" };
      return method === "PUT" ? {} : refusal(403, "AccessDenied");
    };

    await (await server.open()).write(PACK, BYTES);

    expect(server.seen.map(({ method }) => method)).toEqual(["PUT", "HEAD", "GET", "GET", "PUT"]);
  });

  test("lets one of several writers of this process win where the store ignores conditions", async () => {
    const stored = new Set<string>();
    server.answer = ({ method, url }) => {
      const path = url.split("?")[0] ?? "";
      if (method === "PUT") stored.add(path);
      return stored.has(path) ? {} : { status: 404 };
    };
    const backend = await server.open();
    await backend.create();

    const writing = [1, 2, 3, 4].map((length) => backend.write(PACK, new Uint8Array(length)));
    const results = await Promise.allSettled(writing);

    expect(results.filter(({ status }) => status === "fulfilled").length).toBe(1);
    expect(server.seen.filter(({ url }) => url.includes("tsbak-probe")).length).toBe(3);
  });
});

describe("S3Backend.removeMany()", () => {
  const refs = ["12", "34", "56"].map((two): FileRef => ({ kind: "pack", name: two.repeat(32) }));
  const keys = refs.map(({ name }) => `prefix/data/${name.slice(0, 2)}/${name}`);
  const refused = (key = "", code: string): string =>
    `<Error><Key>${key}</Key><Code>${code}</Code><Message>No.</Message></Error>`;

  test("names all keys in one request, with an MD5 as older servers want it", async () => {
    server.answer = () => ({ body: "<DeleteResult></DeleteResult>" });

    expect(await (await server.open()).removeMany?.(refs)).toEqual([]);

    expect(server.seen.length).toBe(1);
    const [{ method, url, headers, body = Buffer.alloc(0) } = {}] = server.seen;
    expect([method, url]).toEqual(["POST", "/bucket/?delete="]);
    expect(headers?.["content-md5"]).toBe(createHash("md5").update(body).digest("base64"));
    expect(Object.keys(headers ?? {}).filter((name) => name.includes("checksum"))).toEqual([]);
    for (const key of keys) expect(String(body)).toContain(`<Key>${key}</Key>`);
  });

  test("says what was not removed, and whether that may pass", async () => {
    const errors = [refused(keys[0], "AccessDenied"), refused(keys[1], "InternalError")];
    server.answer = () => ({ body: `<DeleteResult>${errors.join("")}</DeleteResult>` });

    const failures = await (await server.open()).removeMany?.(refs);

    expect(failures).toMatchObject([
      { ref: refs[0], error: { code: "denied" } },
      { ref: refs[1], error: { code: "unavailable" } },
    ]);
    expect(failures?.[0]?.error.message).toMatch(/^Cannot remove pack 12121212 from s3:/);
  });

  test.each([
    [501, "NotImplemented"],
    [400, "MalformedXML"],
    [405, "MethodNotAllowed"],
  ])("is unsupported after the server has answered %d %s once", async (status, code) => {
    server.answer = () => refusal(status, code);
    const backend = await server.open();

    for (let turn = 0; turn < 2; turn++)
      await expect(backend.removeMany?.(refs)).rejects.toMatchObject({ code: "unsupported" });

    expect(server.seen.length).toBe(1);
  });

  test("fails as a whole where the store is busy, or there is no bucket", async () => {
    const backend = await server.open();
    server.answer = () => refusal(503, "SlowDown");
    await expect(backend.removeMany?.(refs)).rejects.toMatchObject({ code: "unavailable" });
    server.answer = () => refusal(404, "NoSuchBucket");
    await expect(backend.removeMany?.(refs)).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("S3Backend.read()", () => {
  test("fails as unavailable when the body is shorter than it should be", async () => {
    server.answer = () => ({ headers: { "content-length": "10" }, body: "short", isCut: true });

    await expect((await server.open()).read(PACK)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("refuses a store that sends the whole where a part is asked for", async () => {
    server.answer = () => ({ body: "the whole" });

    const reading = (await server.open()).read(PACK, { offset: 2, length: 3 });

    await expect(reading).rejects.toMatchObject({ code: "unsupported" });
  });
});

describe("S3Backend.list()", () => {
  const entry = (name: string): string =>
    `<Contents><Key>prefix/keys/${name}</Key><Size>5</Size></Contents>`;
  const names = ["aa", "bb", "cc"].map((digits) => digits.repeat(32));
  const page = (name: string, more: string): Answer => ({
    body: `<ListBucketResult>${entry(name)}${more}</ListBucketResult>`,
  });

  async function namesOf(backend: Backend): Promise<string[]> {
    const listed: string[] = [];
    for await (const { name } of backend.list("key")) listed.push(name);
    return listed;
  }

  test("goes from page to page in the old way, by the last key", async () => {
    server.answer = ({ url }) => {
      const marker = new URL(url, "http://host").searchParams.get("marker");
      const at = marker === null ? 0 : names.indexOf(marker.slice(-64)) + 1;
      return page(names[at] ?? "", `<IsTruncated>${at < 2}</IsTruncated>`);
    };

    expect(await namesOf(await server.open({ options: { "s3.list-objects-v1": "true" } }))).toEqual(
      names,
    );
    expect(server.seen.some(({ url }) => url.includes("list-type"))).toBe(false);
  });

  test.each([
    ["goes round in circles", "<NextContinuationToken>x</NextContinuationToken>"],
    ["does not say how to go on", ""],
  ])("fails as unavailable when a listing %s", async (_, token) => {
    server.answer = () => page(names[0] ?? "", `<IsTruncated>true</IsTruncated>${token}`);

    await expect(namesOf(await server.open())).rejects.toMatchObject({ code: "unavailable" });
  });
});

test("S3Backend.create() makes a bucket that is not there, with object lock if files are to be kept", async () => {
  server.answer = ({ method, headers }) => {
    if (method === "HEAD") return { status: 404 };
    return headers["if-none-match"] === "*" && server.seen.length > 3 ? { status: 412 } : {};
  };

  await (await server.open({ options: { "s3.retention": "1d" } })).create();

  expect(server.seen.map(({ method }) => method)).toEqual(["HEAD", "PUT", "PUT", "PUT", "DELETE"]);
  expect(server.seen[1]?.headers["x-amz-bucket-object-lock-enabled"]).toBe("true");
});

test("S3Backend.create() goes on where it may not ask for the bucket", async () => {
  server.answer = ({ method }) => (method === "HEAD" ? { status: 403 } : {});

  await (await server.open()).create();

  expect(server.seen.map(({ method }) => method)).toEqual(["HEAD", "PUT", "PUT", "DELETE"]);
});
