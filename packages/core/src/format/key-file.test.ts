import { expect, test } from "vitest";
import { toBase64 } from "./base64.ts";
import type { KeyFile } from "./key-file.ts";
import { decodeKeyFile, decodeMasterKey, encodeKeyFile, encodeMasterKey } from "./key-file.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (raw: Uint8Array): string => new TextDecoder().decode(raw);
const key: KeyFile = {
  created: "2026-11-20T10:00:00.123456789+01:00",
  username: "root",
  hostname: "vm",
  kdf: "scrypt",
  N: 32768,
  r: 8,
  p: 6,
  salt: new Uint8Array(64).fill(7),
  data: new Uint8Array(120).fill(9),
};
const REAL =
  '{"created":"2026-11-20T10:00:00.123456789+01:00","username":"root","hostname":"vm","kdf":"scrypt","N":32768,"r":8,"p":6,' +
  `"salt":"${toBase64(key.salt)}","data":"${toBase64(key.data)}"}`;

test("encodeKeyFile() writes restic's fields in order, and decodeKeyFile() reads them", () => {
  expect(text(encodeKeyFile(key))).toBe(REAL);
  expect(decodeKeyFile(bytes(REAL))).toEqual(key);
});

test("decodeKeyFile() does not know another key derivation", () => {
  expect(() => decodeKeyFile(bytes(REAL.replace("scrypt", "argon2id")))).toThrow(
    expect.objectContaining({ code: "unsupported" }),
  );
});

test("decodeKeyFile() does not let a key file ask for more than 1 GiB", () => {
  const greedy = REAL.replace("32768", String(2 ** 30));

  expect(() => decodeKeyFile(bytes(greedy))).toThrow(
    expect.objectContaining({ code: "unsupported" }),
  );
});

test.each([
  ["JSON", REAL.slice(1)],
  ["kdf", REAL.replace('"scrypt"', "null")],
  ["N", REAL.replace("32768", "32767")],
  ["N", REAL.replace("32768", "1")],
  ["N", REAL.replace("32768", "0")],
  ["n", REAL.replace("32768", '"32768"')],
  ["r", REAL.replace('"r":8', '"r":0')],
  ["p", REAL.replace('"p":6', '"p":0')],
  ["p", REAL.replace('"p":6', '"p":1000000000')],
  ["salt", REAL.replace(toBase64(key.salt), toBase64(key.salt.subarray(1)))],
  ["salt", REAL.replace(toBase64(key.salt), "*")],
  ["data", REAL.replace(toBase64(key.data), toBase64(key.data.subarray(0, 31)))],
  ["data", REAL.replace('"data"', '"date"')],
])("decodeKeyFile() refuses a bad %s", (where, input) => {
  expect(() => decodeKeyFile(bytes(input))).toThrow(
    expect.objectContaining({ code: "corrupt", message: expect.stringContaining(where) as string }),
  );
});

const master = {
  encrypt: new Uint8Array(32).fill(1),
  macK: new Uint8Array(16).fill(2),
  // Not clamped: restic 0.17 and later store r as drawn.
  macR: new Uint8Array(16).fill(255),
};
const MASTER = `{"mac":{"k":"${toBase64(master.macK)}","r":"${toBase64(master.macR)}"},"encrypt":"${toBase64(master.encrypt)}"}`;

test("encodeMasterKey() writes restic's form, and decodeMasterKey() reads it without touching r", () => {
  expect(text(encodeMasterKey(master))).toBe(MASTER);
  expect(decodeMasterKey(bytes(MASTER))).toEqual(master);
});

test.each([
  MASTER.replace('"mac"', '"mack"'),
  MASTER.replace(toBase64(master.macK), toBase64(master.encrypt)),
  MASTER.replace(toBase64(master.macR), ""),
  MASTER.replace(toBase64(master.encrypt), toBase64(master.macK)),
  MASTER.slice(0, 40),
  "null",
])("decodeMasterKey() refuses a malformed key without showing it: %#", (input) => {
  expect(() => decodeMasterKey(bytes(input))).toThrow(
    expect.objectContaining({
      code: "corrupt",
      message: expect.not.stringContaining(toBase64(master.macK).slice(0, 8)) as string,
    }),
  );
});
