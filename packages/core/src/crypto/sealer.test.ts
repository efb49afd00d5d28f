import { createDecipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTsbakError } from "../errors.ts";
import { generateMasterKey } from "./master-key.ts";
import { Opener } from "./opener.ts";
import { loadNodePrimitives } from "./node-primitives.ts";
import { loadOpenssl } from "./openssl.ts";
import { portablePrimitives } from "./portable-primitives.ts";
import type { CryptoPrimitives } from "./primitives.ts";
import { SEAL_OVERHEAD, Sealer } from "./sealer.ts";

const key = generateMasterKey();
const providers = [loadOpenssl(), loadNodePrimitives(), portablePrimitives]
  .filter((primitives) => primitives !== undefined)
  .map((primitives): [string, CryptoPrimitives] => [primitives.name, primitives]);

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const message = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc
    .integer({ min: 0, max: 40_000 })
    .map((length) => new Uint8Array(length).map((_, at) => at * 7)),
);

function isCorrupt(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    return isTsbakError(error, "corrupt");
  }
}

describe.each(providers)("Sealer with %s primitives", (_, sealing) => {
  test.each(providers)("seal() makes what an Opener with %s primitives opens", (_name, opening) => {
    const sealer = new Sealer(key, sealing);
    const opener = new Opener(key, opening);

    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (plains) => {
        const sealed = plains.map((plain) => sealer.seal(plain));
        plains.forEach((plain, at) => {
          expect(sealed[at]?.length).toBe(plain.length + SEAL_OVERHEAD);
          expect(equal(opener.open(sealed[at] ?? plain), plain)).toBe(true);
        });
      }),
      { numRuns: 40 },
    );
  });

  test("seal() uses no block of the key stream twice, whatever the lengths", () => {
    const sealer = new Sealer(key, sealing);
    let next: bigint | undefined;

    for (const length of [0, 1, 15, 16, 17, 8191, 8192, 8193, 30_000, 0, 5]) {
      const iv = Buffer.from(sealer.seal(new Uint8Array(length)).subarray(0, 16));
      const counter = BigInt(`0x${iv.toString("hex")}`);
      if (next !== undefined) expect(counter).toBe(next);
      next = BigInt.asUintN(128, counter + BigInt(Math.ceil(length / 16)));
    }
  });

  test("sealers of one key start at different IVs", () => {
    const ivs = Array.from({ length: 50 }, () => {
      const sealed = new Sealer(key, sealing).seal(new Uint8Array(0));
      return Buffer.from(sealed.subarray(0, 16)).toString("hex");
    });

    expect(new Set(ivs).size).toBe(50);
  });

  test("sealInto() writes only its own bytes, and throws without room", () => {
    const sealer = new Sealer(key, sealing);
    const out = new Uint8Array(200).fill(0xaa);
    const plain = new Uint8Array(100).fill(1);

    expect(sealer.sealInto(plain, out, 20)).toBe(132);

    expect(out.subarray(0, 20).every((byte) => byte === 0xaa)).toBe(true);
    expect(out.subarray(152).every((byte) => byte === 0xaa)).toBe(true);
    expect(equal(new Opener(key).open(out.subarray(20, 152)), plain)).toBe(true);
    expect(() => sealer.sealInto(plain, out, 69)).toThrow(RangeError);
    expect(() => sealer.sealInto(plain, out, -1)).toThrow(RangeError);
  });
});

test("a message is AES-256-CTR from its IV on, as restic-format section 2 says", () => {
  const plain = Buffer.from("the quick brown fox jumps over the lazy dog");
  const sealed = new Sealer(key).seal(plain);

  const cipher = createDecipheriv("aes-256-ctr", key.encrypt, sealed.subarray(0, 16));

  expect(cipher.update(sealed.subarray(16, -16)).equals(plain)).toBe(true);
});

describe.each(providers)("Opener with %s primitives", (_, primitives) => {
  test("open() refuses a message with any one bit changed", () => {
    const opener = new Opener(key, primitives);
    const sealed = new Sealer(key).seal(Buffer.from("forty-one bytes, so three blocks of cipher"));

    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const damaged = Uint8Array.from(sealed);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(
        isCorrupt(() => opener.open(damaged)),
        `bit ${bit}`,
      ).toBe(true);
    }
    expect(opener.open(sealed).length).toBe(42);
  });

  test("open() refuses what is too short, cut short or has an all-zero IV", () => {
    const opener = new Opener(key, primitives);
    const sealed = new Sealer(key).seal(new Uint8Array(10));

    expect(isCorrupt(() => opener.open(new Uint8Array(31)))).toBe(true);
    expect(isCorrupt(() => opener.open(sealed.subarray(0, -1)))).toBe(true);
    expect(isCorrupt(() => opener.open(sealed.subarray(1)))).toBe(true);
    expect(() => opener.open(Uint8Array.from(sealed).fill(0, 0, 16))).toThrow(/IV is all zero/);
  });

  test("tryOpen() is undefined under another key, of which any part differs", () => {
    const sealed = new Sealer(key).seal(new Uint8Array(10));
    const other = generateMasterKey();

    for (const part of [{ macK: other.macK }, { macR: other.macR }]) {
      expect(new Opener({ ...key, ...part }, primitives).tryOpen(sealed)).toBeUndefined();
    }
    expect(new Opener(key, primitives).tryOpen(sealed)).toEqual(new Uint8Array(10));
  });

  test("open() takes r clamped or raw: both are the same key", () => {
    const clamped = Uint8Array.from(key.macR);
    for (const at of [3, 7, 11, 15]) clamped[at] = (clamped[at] ?? 0) & 0x0f;
    for (const at of [4, 8, 12]) clamped[at] = (clamped[at] ?? 0) & 0xfc;
    const sealed = new Sealer(key).seal(new Uint8Array(10));

    const opened = new Opener({ ...key, macR: clamped }, primitives).open(sealed);

    expect(opened).toEqual(new Uint8Array(10));
  });

  test("openInto() writes to the memory given, or over the ciphertext", () => {
    const opener = new Opener(key, primitives);
    const plain = new Uint8Array(1000).map((_, at) => at);
    const sealed = new Sealer(key).seal(plain);
    const out = new Uint8Array(1200).fill(0xaa);

    const elsewhere = opener.openInto(sealed, out);
    const inPlace = opener.openInto(sealed, sealed.subarray(16));

    expect(elsewhere.buffer).toBe(out.buffer);
    expect(equal(elsewhere, plain)).toBe(true);
    expect(out.subarray(1000).every((byte) => byte === 0xaa)).toBe(true);
    expect(equal(inPlace, plain)).toBe(true);
    const again = new Sealer(key).seal(plain);
    expect(() => opener.openInto(again, new Uint8Array(999))).toThrow(RangeError);
    again[500] = (again[500] ?? 0) ^ 1;
    expect(isCorrupt(() => opener.openInto(again, out))).toBe(true);
  });

  test("open() reads messages in any order, with their plain bytes in own memory", () => {
    const sealer = new Sealer(key);
    const opener = new Opener(key, primitives);
    const sealed = [3, 40, 16, 100].map((length) =>
      sealer.seal(new Uint8Array(length).fill(length)),
    );

    const opened = [2, 0, 3, 1, 2].map((at) => opener.open(sealed[at] ?? new Uint8Array(0)));

    expect(opened.map((plain) => plain.length)).toEqual([16, 3, 100, 40, 16]);
    for (const plain of opened) expect(plain.every((byte) => byte === plain.length)).toBe(true);
    expect(opened[0]?.buffer).not.toBe(sealed[2]?.buffer);
  });
});
