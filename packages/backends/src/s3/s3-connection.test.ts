import dns from "node:dns";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type FileRef } from "@tsbak/core";
import { describe, expect, test, vi } from "vitest";

import type { BackendSettings } from "../settings.ts";
import { KEYS, refusal, S3Answers, type Seen } from "../testing/s3-answers.ts";
import { openS3 } from "./open-s3.ts";

const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };

const server = new S3Answers().register();

describe("S3Backend signs", () => {
  test("nothing if it is to be anonymous", async () => {
    const backend = await server.open({ options: { "s3.unsafe-anonymous-auth": "true" } });
    await backend.stat(PACK).catch(() => 0);

    expect(server.seen[0]?.headers.authorization).toBe(undefined);
  });

  test("with the token of temporary credentials, for the region that is wished", async () => {
    const environment = { ...KEYS, AWS_SESSION_TOKEN: "the-token" };

    await (await server.open({ environment, options: { "s3.region": "mars-1" } })).remove(PACK);

    expect(server.seen[0]?.headers["x-amz-security-token"]).toBe("the-token");
    expect(server.seen[0]?.headers.authorization).toMatch(/Credential=AKID\/\d+\/mars-1\/s3\//);
  });

  test("with the profile of a credentials file that the environment names", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsbak-s3-"));
    const file = join(folder, "credentials");
    writeFileSync(file, "[backup]\naws_access_key_id=FROMFILE\naws_secret_access_key=s\n");
    const environment = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: "backup" };

    await (await server.open({ environment })).remove(PACK);

    rmSync(folder, { recursive: true });
    expect(server.seen[0]?.headers.authorization).toContain("Credential=FROMFILE/");
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
  const rest = `http://store.test:${server.port}/bucket/prefix`;
  const options = { "s3.bucket-lookup": lookup };
  const backend = await openS3(rest, { environment: KEYS, options });
  server.own(backend);

  await backend.remove(PACK);

  spy.mockRestore();
  expect(server.seen[0]?.headers.host).toBe(`${host}:${server.port}`);
  expect(server.seen[0]?.url.startsWith(path)).toBe(true);
});

describe("S3Backend in the wrong region", () => {
  const elsewhere = refusal(400, "AuthorizationHeaderMalformed", "<Region>mars-1</Region>");
  const isFromMars = ({ headers }: Seen): boolean =>
    headers.authorization?.includes("/mars-1/") === true;

  test("goes to the one that the store names", async () => {
    server.answer = (request) => (isFromMars(request) ? { body: "abc" } : elsewhere);
    const backend = await server.open();

    expect(await backend.read(PACK)).toEqual(new TextEncoder().encode("abc"));
    await backend.read(PACK);

    expect(server.seen.map(isFromMars)).toEqual([false, true, true]);
  });

  test("goes there after an answer that has no body", async () => {
    const headers = { "x-amz-bucket-region": "mars-1" };
    server.answer = (request) =>
      isFromMars(request) ? { headers: { "content-length": "7" } } : { status: 301, headers };

    expect(await (await server.open()).stat(PACK)).toEqual({ name: PACK.name, size: 7 });
  });

  test("says which one it is if an option says otherwise", async () => {
    server.answer = () => elsewhere;

    await expect(
      (await server.open({ options: { "s3.region": "venus-1" } })).read(PACK),
    ).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("-o s3.region=mars-1"),
    });
  });
});
