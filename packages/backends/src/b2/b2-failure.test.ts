import { Readable } from "node:stream";

import { expect, test } from "vitest";

import { b2Error } from "./b2-error.ts";
import { failureOf } from "./b2-failure.ts";

function answer(status: number, data: unknown, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error("failed"), { response: { status, data, headers } });
}

test("failureOf() keeps the word and the message of B2, in whatever form the body comes", async () => {
  const body = { status: 400, code: "bad_request", message: "It is bad" };
  const text = JSON.stringify(body);

  for (const data of [body, text, Readable.from([Buffer.from(text)])]) {
    expect(await failureOf(answer(400, data))).toMatchObject({
      ...{ status: 400, code: "bad_request", message: "It is bad" },
    });
  }
});

test("failureOf() takes tokens and control characters out of messages", async () => {
  const message = "upload with 4_002ab34cdef56789_019xyz_acct_AbC+d/e= failed\u001b[2J";

  const failure = await failureOf(answer(400, { code: "bad_request", message }));

  expect(failure.message).toBe("upload with *** failed?[2J");
});

test("failureOf() keeps how long B2 wants to be left alone", async () => {
  const failure = await failureOf(answer(503, "", { "retry-after": "7" }));

  expect(failure.retryAfterMs).toBe(7000);
});

test.each([
  [400, "bad_bucket_id", "not-found"],
  [400, "bad_request", "denied"],
  [401, "unauthorized", "denied"],
  [401, "unsupported", "unsupported"],
  [401, "expired_auth_token", "unavailable"],
  [403, "storage_cap_exceeded", "no-space"],
  [403, "download_cap_exceeded", "denied"],
  [403, "", "denied"],
  [404, "", "not-found"],
  [408, "request_timeout", "unavailable"],
  [429, "too_many_requests", "unavailable"],
  [500, "internal_error", "unavailable"],
  [502, "", "unavailable"],
])("b2Error() of status %d and word %s is %s", async (status, code, expected) => {
  const error = b2Error(await failureOf(answer(status, { code, message: "x" })), "Cannot do it");

  expect(error.code).toBe(expected);
  expect(error.message).toMatch(/^Cannot do it: /);
});

test("b2Error() takes bytes that changed on their way for worth repeating", async () => {
  const body = { code: "bad_request", message: "Sha1 did not match data received" };

  expect(b2Error(await failureOf(answer(400, body)), "Cannot do it").code).toBe("unavailable");
});

test.each([
  ["ECONNRESET", "unavailable"],
  ["ENOTFOUND", "unavailable"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "denied"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "denied"],
])("b2Error() of a connection that ends with %s is %s", async (code, expected) => {
  const failure = await failureOf(Object.assign(new Error("failed"), { code }));

  expect(b2Error(failure, "Cannot do it").code).toBe(expected);
});

test("b2Error() takes an answer that broke off for no answer", async () => {
  const failure = await failureOf(answer(200, '{"files":[{"fileNa'));

  expect(b2Error(failure, "Cannot list b2:bucket")).toMatchObject({
    code: "unavailable",
    message: "Cannot list b2:bucket: the answer broke off",
  });
});
