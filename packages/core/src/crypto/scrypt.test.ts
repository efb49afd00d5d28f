import { expect, test } from "vitest";
import { isTsbakError } from "../errors.ts";
import { generateMasterKey, isValidMasterKey, masterKeyFromBytes } from "./master-key.ts";
import { portableDeriveKey } from "./portable-hashes.ts";
import { calibrateKdf, deriveKey } from "./scrypt.ts";

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("deriveKey() splits the output of RFC 7914 section 12 into encrypt, k and r", async () => {
  const key = await deriveKey("password", Buffer.from("NaCl"), { N: 1024, r: 8, p: 16 });

  expect(toHex(key.encrypt)).toBe(
    "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162",
  );
  expect(toHex(key.macK)).toBe("2eaf30d92e22a3886ff109279d9830da");
  expect(toHex(key.macR)).toBe("c727afb94a83ee6d8360cbdfa2cc0640");
});

test("deriveKey() and its portable form agree, also on passwords beyond ASCII", async () => {
  const salt = new Uint8Array(64).fill(9);

  for (const password of ["", "geheim", "pässwörd \u{1f511}"]) {
    const params = { N: 64, r: 8, p: 2 };
    expect(await deriveKey(password, salt, params)).toEqual(
      await portableDeriveKey(password, salt, params),
    );
  }
});

test("deriveKey() takes the cost for new keys, and twice that, as old repositories have", async () => {
  const { N, r } = calibrateKdf();

  for (const params of [calibrateKdf(), { N: 2 * N, r, p: 1 }]) {
    const key = await deriveKey("password", new Uint8Array(64), params);
    expect(isValidMasterKey(key)).toBe(true);
  }
});

test.each([
  [{ N: 0, r: 8, p: 1 }, "corrupt"],
  [{ N: 1, r: 8, p: 1 }, "corrupt"],
  [{ N: 1000, r: 8, p: 1 }, "corrupt"],
  [{ N: 1024.5, r: 8, p: 1 }, "corrupt"],
  [{ N: 1024, r: 0, p: 1 }, "corrupt"],
  [{ N: 1024, r: 8, p: -1 }, "corrupt"],
  [{ N: 1024, r: 32768, p: 32768 }, "corrupt"],
  [{ N: 2 ** 20, r: 8, p: 1 }, "unsupported"],
  [{ N: 2, r: 8, p: 2 ** 26 }, "unsupported"],
] as const)("deriveKey() refuses %j as %s", async (params, code) => {
  const error = await deriveKey("password", new Uint8Array(64), params).catch((e: unknown) => e);

  expect(isTsbakError(error, code)).toBe(true);
});

test("generateMasterKey() makes another valid key each time", () => {
  const [a, b] = [generateMasterKey(), generateMasterKey()];

  expect(isValidMasterKey(a) && isValidMasterKey(b)).toBe(true);
  expect(toHex(a.encrypt)).not.toBe(toHex(b.encrypt));
});

test("isValidMasterKey() refuses a part that is all zero or of the wrong length", () => {
  const key = masterKeyFromBytes(new Uint8Array(64).fill(1));

  expect(isValidMasterKey(key)).toBe(true);
  for (const part of ["encrypt", "macK", "macR"] as const) {
    expect(isValidMasterKey({ ...key, [part]: new Uint8Array(key[part].length) })).toBe(false);
    expect(isValidMasterKey({ ...key, [part]: key[part].subarray(1) })).toBe(false);
  }
});

test("masterKeyFromBytes() copies its bytes, and takes 64 only", () => {
  const bytes = new Uint8Array(64).fill(1);
  const key = masterKeyFromBytes(bytes);
  bytes.fill(2);

  expect(key.encrypt).toEqual(new Uint8Array(32).fill(1));
  expect(() => masterKeyFromBytes(new Uint8Array(63))).toThrow(RangeError);
});
