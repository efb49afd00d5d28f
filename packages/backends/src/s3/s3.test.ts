import { createHash } from "node:crypto";
import dns from "node:dns";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CONFIG_REF, type Backend, type FileRef } from "@tsbak/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { BackendSettings } from "../settings.ts";
import { openS3 } from "./open-s3.ts";

/** A request as it arrived. */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Cut the connection after the body. */
  readonly isCut?: boolean;
}

const KEYS = { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "the-secret" };
const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };
const LOCK: FileRef = { kind: "lock", name: "cd".repeat(32) };
const BYTES = new Uint8Array([1, 2, 3]);

let seen: Seen[];
/** What the server says to each request. */
let answer: (request: Seen) => Answer;
let server: http.Server;
let opened: Backend[];

beforeEach(async () => {
  seen = [];
  opened = [];
  answer = () => ({});
  server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks) };
      seen.push(one);
      const { status = 200, headers: more = {}, body = "", isCut = false } = answer(one);
      const length = { "content-length": Buffer.byteLength(body) };
      response.writeHead(status, { ...length, ...more });
      if (isCut) response.write(body, () => response.destroy());
      else response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  for (const backend of opened) await backend.close?.();
  await new Promise((resolve) => server.close(resolve));
});

function port(): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function open(settings: BackendSettings = {}): Promise<Backend> {
  const rest = `http://127.0.0.1:${port()}/bucket/prefix`;
  const backend = await openS3(rest, { environment: KEYS, ...settings });
  opened.push(backend);
  return backend;
}

function refusal(status: number, code: string, more = ""): Answer {
  return { status, body: `<Error><Code>${code}</Code><Message>No.</Message>${more}</Error>` };
}

describe("S3Backend.write()", () => {
  test("asks for a new object, with its length, MD5 and the program's name", async () => {
    await (await open({ userAgent: "tsbak/1.2" })).write(PACK, BYTES);

    expect(seen.length).toBe(1);
    const [{ method, url, headers, body } = {}] = seen;
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

    await (await open()).write(PACK, bytes);

    expect(seen[0]?.body).toEqual(Buffer.alloc(50, 7));
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

      await (await open({ options })).write({ kind, name: PACK.name }, BYTES, { isContents });

      expect(seen[0]?.headers["x-amz-storage-class"]).toBe(got);
    },
  );

  test("replace() uploads without a condition, where it can be read at once, and for as long as wished", async () => {
    const options = { "s3.storage-class": "GLACIER", "s3.retention": "2d" };

    await (await open({ options })).replace?.(CONFIG_REF, BYTES);

    const [{ method, url, headers } = {}] = seen;
    expect([method, url?.split("?")[0]]).toEqual(["PUT", "/bucket/prefix/config"]);
    expect(headers).not.toHaveProperty("if-none-match");
    expect(headers).not.toHaveProperty("x-amz-storage-class");
    expect(headers).toMatchObject({ "x-amz-object-lock-mode": "GOVERNANCE" });
  });

  test("keeps all but locks for as long as wished", async () => {
    const backend = await open({ options: { "s3.retention": "2d" } });

    await backend.write(PACK, BYTES);
    await backend.write(LOCK, BYTES);

    const until = seen[0]?.headers["x-amz-object-lock-retain-until-date"];
    const days = (Date.parse(String(until)) - Date.now()) / 86_400_000;
    expect(seen[0]?.headers["x-amz-object-lock-mode"]).toBe("GOVERNANCE");
    expect(Math.abs(days - 2)).toBeLessThan(0.01);
    expect(seen[1]?.headers["x-amz-object-lock-mode"]).toBe(undefined);
  });

  test("asks first where the store does not know conditions, and does not try them again", async () => {
    const stored = new Set<string>();
    answer = ({ method, url, headers }) => {
      if (headers["if-none-match"] !== undefined) return refusal(501, "NotImplemented");
      const path = url.split("?")[0] ?? "";
      if (method === "PUT") stored.add(path);
      return stored.has(path) ? {} : { status: 404 };
    };
    const backend = await open();

    await backend.write(PACK, BYTES);
    await expect(backend.write(PACK, BYTES)).rejects.toMatchObject({ code: "already-exists" });

    expect(seen.map((request) => request.method)).toEqual(["PUT", "HEAD", "PUT", "HEAD"]);
  });

  test("takes it for new where the store refuses to tell, if no listing has it", async () => {
    answer = ({ method, url, headers }) => {
      if (headers["if-none-match"] !== undefined) return refusal(501, "NotImplemented");
      if (url.includes("list-type")) return { body: "<ListBucketResult></ListBucketResult>" };
      return method === "PUT" ? {} : refusal(403, "AccessDenied");
    };

    await (await open()).write(PACK, BYTES);

    expect(seen.map(({ method }) => method)).toEqual(["PUT", "HEAD", "GET", "GET", "PUT"]);
  });

  test("lets one of several writers of this process win where the store ignores conditions", async () => {
    const stored = new Set<string>();
    answer = ({ method, url }) => {
      const path = url.split("?")[0] ?? "";
      if (method === "PUT") stored.add(path);
      return stored.has(path) ? {} : { status: 404 };
    };
    const backend = await open();
    await backend.create();

    const writing = [1, 2, 3, 4].map((length) => backend.write(PACK, new Uint8Array(length)));
    const results = await Promise.allSettled(writing);

    expect(results.filter(({ status }) => status === "fulfilled").length).toBe(1);
    expect(seen.filter(({ url }) => url.includes("tsbak-probe")).length).toBe(3);
  });
});

describe("S3Backend.removeMany()", () => {
  const refs = ["12", "34", "56"].map((two): FileRef => ({ kind: "pack", name: two.repeat(32) }));
  const keys = refs.map(({ name }) => `prefix/data/${name.slice(0, 2)}/${name}`);
  const refused = (key = "", code: string): string =>
    `<Error><Key>${key}</Key><Code>${code}</Code><Message>No.</Message></Error>`;

  test("names all keys in one request, with an MD5 as older servers want it", async () => {
    answer = () => ({ body: "<DeleteResult></DeleteResult>" });

    expect(await (await open()).removeMany?.(refs)).toEqual([]);

    expect(seen.length).toBe(1);
    const [{ method, url, headers, body = Buffer.alloc(0) } = {}] = seen;
    expect([method, url]).toEqual(["POST", "/bucket/?delete="]);
    expect(headers?.["content-md5"]).toBe(createHash("md5").update(body).digest("base64"));
    expect(Object.keys(headers ?? {}).filter((name) => name.includes("checksum"))).toEqual([]);
    for (const key of keys) expect(String(body)).toContain(`<Key>${key}</Key>`);
  });

  test("says what was not removed, and whether that may pass", async () => {
    const errors = [refused(keys[0], "AccessDenied"), refused(keys[1], "InternalError")];
    answer = () => ({ body: `<DeleteResult>${errors.join("")}</DeleteResult>` });

    const failures = await (await open()).removeMany?.(refs);

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
    answer = () => refusal(status, code);
    const backend = await open();

    for (let turn = 0; turn < 2; turn++)
      await expect(backend.removeMany?.(refs)).rejects.toMatchObject({ code: "unsupported" });

    expect(seen.length).toBe(1);
  });

  test("fails as a whole where the store is busy, or there is no bucket", async () => {
    const backend = await open();
    answer = () => refusal(503, "SlowDown");
    await expect(backend.removeMany?.(refs)).rejects.toMatchObject({ code: "unavailable" });
    answer = () => refusal(404, "NoSuchBucket");
    await expect(backend.removeMany?.(refs)).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("S3Backend signs", () => {
  test("nothing if it is to be anonymous", async () => {
    const backend = await open({ options: { "s3.unsafe-anonymous-auth": "true" } });
    await backend.stat(PACK).catch(() => 0);

    expect(seen[0]?.headers.authorization).toBe(undefined);
  });

  test("with the token of temporary credentials, for the region that is wished", async () => {
    const environment = { ...KEYS, AWS_SESSION_TOKEN: "the-token" };

    await (await open({ environment, options: { "s3.region": "mars-1" } })).remove(PACK);

    expect(seen[0]?.headers["x-amz-security-token"]).toBe("the-token");
    expect(seen[0]?.headers.authorization).toMatch(/Credential=AKID\/\d+\/mars-1\/s3\//);
  });

  test("with the profile of a credentials file that the environment names", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsbak-s3-"));
    const file = join(folder, "credentials");
    writeFileSync(file, "[backup]\naws_access_key_id=FROMFILE\naws_secret_access_key=s\n");
    const environment = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: "backup" };

    await (await open({ environment })).remove(PACK);

    rmSync(folder, { recursive: true });
    expect(seen[0]?.headers.authorization).toContain("Credential=FROMFILE/");
  });

  test.each<[string, BackendSettings]>([
    ["nothing to look for credentials in", {}],
    ["half a pair", { environment: { AWS_ACCESS_KEY_ID: "x" } }],
    ["a role", { environment: { ...KEYS, RESTIC_AWS_ASSUME_ROLE_ARN: "arn" } }],
  ])("with nothing if there is %s", async (_, settings) => {
    await expect(openS3("http://host/bucket", settings)).rejects.toMatchObject({
      code: "invalid-argument",
    });
  });
});

test.each([
  ["dns", "bucket.store.test", "/prefix/"],
  ["path", "store.test", "/bucket/prefix/"],
  ["auto", "store.test", "/bucket/prefix/"],
])("S3Backend with bucket-lookup %s asks %s for %s", async (lookup, host, path) => {
  const toUs = (_: string, options: dns.LookupOptions, done: (...args: unknown[]) => void): void =>
    options.all === true
      ? done(null, [{ address: "127.0.0.1", family: 4 }])
      : done(null, "127.0.0.1", 4);
  const spy = vi.spyOn(dns, "lookup").mockImplementation(toUs as typeof dns.lookup);
  const rest = `http://store.test:${port()}/bucket/prefix`;
  const options = { "s3.bucket-lookup": lookup };
  const backend = await openS3(rest, { environment: KEYS, options });
  opened.push(backend);

  await backend.remove(PACK);

  spy.mockRestore();
  expect(seen[0]?.headers.host).toBe(`${host}:${port()}`);
  expect(seen[0]?.url.startsWith(path)).toBe(true);
});

describe("S3Backend in the wrong region", () => {
  const elsewhere = refusal(400, "AuthorizationHeaderMalformed", "<Region>mars-1</Region>");
  const isFromMars = ({ headers }: Seen): boolean =>
    headers.authorization?.includes("/mars-1/") === true;

  test("goes to the one that the store names", async () => {
    answer = (request) => (isFromMars(request) ? { body: "abc" } : elsewhere);
    const backend = await open();

    expect(await backend.read(PACK)).toEqual(new TextEncoder().encode("abc"));
    await backend.read(PACK);

    expect(seen.map(isFromMars)).toEqual([false, true, true]);
  });

  test("goes there after an answer that has no body", async () => {
    const headers = { "x-amz-bucket-region": "mars-1" };
    answer = (request) =>
      isFromMars(request) ? { headers: { "content-length": "7" } } : { status: 301, headers };

    expect(await (await open()).stat(PACK)).toEqual({ name: PACK.name, size: 7 });
  });

  test("says which one it is if an option says otherwise", async () => {
    answer = () => elsewhere;

    await expect(
      (await open({ options: { "s3.region": "venus-1" } })).read(PACK),
    ).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("-o s3.region=mars-1"),
    });
  });
});

describe("S3Backend tells", () => {
  test.each([
    [refusal(403, "InvalidAccessKeyId"), "denied", /AWS_ACCESS_KEY_ID/],
    [refusal(403, "SignatureDoesNotMatch"), "denied", /AWS_SECRET_ACCESS_KEY/],
    [refusal(400, "ExpiredToken"), "denied", /session token/],
    [refusal(403, "AccessDenied"), "denied", /policy/],
    [refusal(404, "NoSuchKey"), "not-found", /not there/],
    [refusal(404, "NoSuchBucket"), "not-found", /no such bucket/],
    [refusal(403, "InvalidObjectState"), "unsupported", /archive/],
    [refusal(409, "ConditionalRequestConflict"), "unavailable", /same time/],
    [refusal(412, "PreconditionFailed"), "already-exists", /already/],
    [refusal(503, "SlowDown"), "unavailable", /fewer requests/],
    [refusal(500, "InternalError"), "unavailable", /500/],
    [refusal(507, "InsufficientStorage"), "no-space", /full/],
    [refusal(418, "IAmATeapot"), "denied", /418/],
    [{ status: 502, body: "<html>Bad Gateway" }, "unavailable", /502/],
    [{ status: 403, body: "not XML at all" }, "denied", /403/],
  ] as const)("%j as %s", async (said, code, message) => {
    answer = () => said;

    const failing = (await open()).write(PACK, BYTES);

    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(seen.length).toBe(1);
  });

  test("what is wrong where the answer to HEAD cannot", async () => {
    answer = () => refusal(403, "InvalidAccessKeyId");

    await expect((await open()).stat(PACK)).rejects.toMatchObject({
      message: expect.stringContaining("AWS_ACCESS_KEY_ID"),
    });
  });

  test.each([
    ["not-found", ""],
    ["denied", `<Contents><Key>prefix/data/ab/${PACK.name}</Key><Size>1</Size></Contents>`],
  ])("by a listing that what it is refused is %s", async (code, contents) => {
    answer = ({ url }) =>
      url.includes("list-type")
        ? { body: `<ListBucketResult>${contents}</ListBucketResult>` }
        : refusal(403, "AccessDenied");

    await expect((await open()).read(PACK)).rejects.toMatchObject({ code });
    await expect((await open()).stat(PACK)).rejects.toMatchObject({ code });
  });

  test("by how much the clock is wrong", async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    answer = () => ({ ...refusal(403, "RequestTimeTooSkewed"), headers: { date } });

    await expect((await open()).read(PACK)).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("clock is 60 minutes behind"),
    });
  });

  test("how long the store wants to be left alone", async () => {
    answer = () => ({ ...refusal(503, "SlowDown"), headers: { "retry-after": "7" } });

    await expect((await open()).read(PACK)).rejects.toMatchObject({
      cause: { retryAfterMs: 7000 },
    });
  });

  test("no secret of what was signed", async () => {
    const signed = "<CanonicalRequest>x-amz-security-token:the-token</CanonicalRequest>";
    answer = () => refusal(403, "SignatureDoesNotMatch", signed);

    const backend = await open();
    const error: unknown = await backend.read(PACK).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "denied" });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("the-token");
  });

  test("that nobody answers", async () => {
    const backend = await open();
    await new Promise((resolve) => server.close(resolve));

    await expect(backend.read(PACK)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("nobody answers"),
    });
  });
});

describe("S3Backend.read()", () => {
  test("fails as unavailable when the body is shorter than it should be", async () => {
    answer = () => ({ headers: { "content-length": "10" }, body: "short", isCut: true });

    await expect((await open()).read(PACK)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("refuses a store that sends the whole where a part is asked for", async () => {
    answer = () => ({ body: "the whole" });

    const reading = (await open()).read(PACK, { offset: 2, length: 3 });

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
    answer = ({ url }) => {
      const marker = new URL(url, "http://host").searchParams.get("marker");
      const at = marker === null ? 0 : names.indexOf(marker.slice(-64)) + 1;
      return page(names[at] ?? "", `<IsTruncated>${at < 2}</IsTruncated>`);
    };

    expect(await namesOf(await open({ options: { "s3.list-objects-v1": "true" } }))).toEqual(names);
    expect(seen.some(({ url }) => url.includes("list-type"))).toBe(false);
  });

  test.each([
    ["goes round in circles", "<NextContinuationToken>x</NextContinuationToken>"],
    ["does not say how to go on", ""],
  ])("fails as unavailable when a listing %s", async (_, token) => {
    answer = () => page(names[0] ?? "", `<IsTruncated>true</IsTruncated>${token}`);

    await expect(namesOf(await open())).rejects.toMatchObject({ code: "unavailable" });
  });
});

test("S3Backend.create() makes a bucket that is not there, with object lock if files are to be kept", async () => {
  answer = ({ method, headers }) => {
    if (method === "HEAD") return { status: 404 };
    return headers["if-none-match"] === "*" && seen.length > 3 ? { status: 412 } : {};
  };

  await (await open({ options: { "s3.retention": "1d" } })).create();

  expect(seen.map(({ method }) => method)).toEqual(["HEAD", "PUT", "PUT", "PUT", "DELETE"]);
  expect(seen[1]?.headers["x-amz-bucket-object-lock-enabled"]).toBe("true");
});

test("S3Backend.create() goes on where it may not ask for the bucket", async () => {
  answer = ({ method }) => (method === "HEAD" ? { status: 403 } : {});

  await (await open()).create();

  expect(seen.map(({ method }) => method)).toEqual(["HEAD", "PUT", "PUT", "DELETE"]);
});
