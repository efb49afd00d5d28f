import { type FileRef } from "@tsbak/core";
import { describe, expect, test } from "vitest";

import { refusal, S3Answers } from "../testing/s3-answers.ts";

const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };
const BYTES = new Uint8Array([1, 2, 3]);

const server = new S3Answers().register();

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
    server.answer = () => said;

    const failing = (await server.open()).write(PACK, BYTES);

    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(server.seen.length).toBe(1);
  });

  test("what is wrong where the answer to HEAD cannot", async () => {
    server.answer = () => refusal(403, "InvalidAccessKeyId");

    await expect((await server.open()).stat(PACK)).rejects.toMatchObject({
      message: expect.stringContaining("AWS_ACCESS_KEY_ID"),
    });
  });

  test.each([
    ["not-found", ""],
    ["denied", `<Contents><Key>prefix/data/ab/${PACK.name}</Key><Size>1</Size></Contents>`],
  ])("by a listing that what it is refused is %s", async (code, contents) => {
    server.answer = ({ url }) =>
      url.includes("list-type")
        ? { body: `<ListBucketResult>${contents}</ListBucketResult>` }
        : refusal(403, "AccessDenied");

    await expect((await server.open()).read(PACK)).rejects.toMatchObject({ code });
    await expect((await server.open()).stat(PACK)).rejects.toMatchObject({ code });
  });

  test("by how much the clock is wrong", async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    server.answer = () => ({ ...refusal(403, "RequestTimeTooSkewed"), headers: { date } });

    await expect((await server.open()).read(PACK)).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("clock is 60 minutes behind"),
    });
  });

  test("how long the store wants to be left alone", async () => {
    server.answer = () => ({ ...refusal(503, "SlowDown"), headers: { "retry-after": "7" } });

    await expect((await server.open()).read(PACK)).rejects.toMatchObject({
      cause: { retryAfterMs: 7000 },
    });
  });

  test("no secret of what was signed", async () => {
    const signed = "<CanonicalRequest>x-amz-security-token:the-token</CanonicalRequest>";
    server.answer = () => refusal(403, "SignatureDoesNotMatch", signed);

    const backend = await server.open();
    const error: unknown = await backend.read(PACK).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "denied" });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("the-token");
  });

  test("that nobody answers", async () => {
    const backend = await server.open();
    await server.stop();

    await expect(backend.read(PACK)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("nobody answers"),
    });
  });
});
