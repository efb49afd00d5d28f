import { expect, test } from "vitest";

import { retryAfterMs } from "./retry-after.ts";

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);

test.each([
  ["120", 120_000],
  [" 0 ", 0],
  ["Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
  ["Saturday, 21-Nov-26 12:01:00 GMT", 60_000],
  ["Sat Nov 21 12:00:10 2026 GMT", 10_000],
  ["Sat, 21 Nov 2026 11:00:00 GMT", 0],
])("retryAfterMs() understands %j", (text, expected) => {
  expect(retryAfterMs({ "retry-after": text }, NOW)).toBe(expected);
});

test.each(["soon", "", "-5", "1e3", "Satisfied", "99999999999999999999"])(
  "retryAfterMs() takes no notice of %j",
  (text) => {
    expect(retryAfterMs({ "retry-after": text }, NOW)).toBe(undefined);
    expect(retryAfterMs({}, NOW)).toBe(undefined);
  },
);
