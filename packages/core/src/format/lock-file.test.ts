import { expect, test } from "vitest";
import type { LockFile } from "./lock-file.ts";
import { decodeLockFile, encodeLockFile } from "./lock-file.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (raw: Uint8Array): string => new TextDecoder().decode(raw);
const lock: LockFile = {
  time: "2026-11-20T10:00:00.5+01:00",
  exclusive: false,
  hostname: "vm",
  username: "joe",
  pid: 4242,
  uid: 1000,
  gid: 100,
  extra: {},
};
const REAL =
  '{"time":"2026-11-20T10:00:00.5+01:00","exclusive":false,"hostname":"vm","username":"joe","pid":4242,"uid":1000,"gid":100}';

test("encodeLockFile() writes what restic writes, and decodeLockFile() reads it", () => {
  expect(text(encodeLockFile(lock))).toBe(REAL);
  expect(decodeLockFile(bytes(REAL))).toEqual(lock);
});

test("encodeLockFile() leaves out uid and gid of root, and keeps unknown fields", () => {
  const root: LockFile = { ...lock, exclusive: true, uid: 0, gid: 0, extra: { note: "x" } };

  expect(text(encodeLockFile(root))).toBe(
    '{"time":"2026-11-20T10:00:00.5+01:00","exclusive":true,"hostname":"vm","username":"joe","pid":4242,"note":"x"}',
  );
  expect(decodeLockFile(encodeLockFile(root))).toEqual(root);
});

test.each([
  ["JSON", ""],
  ["time", REAL.replace('"time"', '"tim"')],
  ["time", REAL.replace("2026-11-20", "2026-11-31")],
  ["exclusive", REAL.replace("false", "0")],
  ["hostname", REAL.replace('"vm"', "1")],
  ["username", REAL.replace('"joe"', "1")],
  ["pid", REAL.replace("4242", "4.2")],
  ["uid", REAL.replace("1000", "-1")],
  ["gid", REAL.replace(":100}", ":4294967296}")],
])("decodeLockFile() refuses a bad %s", (where, input) => {
  expect(() => decodeLockFile(bytes(input))).toThrow(
    expect.objectContaining({ code: "corrupt", message: expect.stringContaining(where) as string }),
  );
});
