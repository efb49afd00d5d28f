import { createCipheriv } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { deflateRawSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { looksIncompressible } from "./incompressible.ts";

const SIZE = 1_500_000;

function random(length: number, key = 1): Buffer {
  const cipher = createCipheriv("aes-256-ctr", Buffer.alloc(32, key), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(length));
}

function fill(next: (at: number, noise: number) => number): Buffer {
  const noise = random(SIZE, 2);
  return Buffer.from(noise.map((byte, at) => next(at, byte)));
}

function executable(): Buffer {
  const file = openSync(process.execPath, "r");
  const bytes = Buffer.alloc(SIZE);
  readSync(file, bytes, 0, SIZE, 30_000_000);
  closeSync(file);
  return bytes;
}

function words(seed: number): string {
  return Array.from(random(SIZE / 2, seed), (byte) => `w${byte * 77}`).join(" ");
}

test.each([128 * 1024, 200_000, 500_000, SIZE, 8_000_000])(
  "looksIncompressible() is true for %i random bytes, over and over",
  (length) => {
    for (let key = 0; key < 20; key++) {
      expect(looksIncompressible(random(length, key)), `key ${key}`).toBe(true);
    }
  },
);

test("looksIncompressible() is true for what was deflated", () => {
  expect(looksIncompressible(deflateRawSync(words(3)))).toBe(true);
  expect(looksIncompressible(gzipSync(executable(), { level: 9 }).subarray(2000))).toBe(true);
});

test("looksIncompressible() is false for small blobs: zstd itself is as fast", () => {
  expect(looksIncompressible(random(128 * 1024 - 1))).toBe(false);
  expect(looksIncompressible(new Uint8Array(0))).toBe(false);
});

const compressible: [string, Buffer][] = [
  ["an executable", executable()],
  ["text", Buffer.from(words(4))],
  ["JSON", Buffer.from(JSON.stringify([...random(200_000)].map((id) => ({ id, ok: id > 9 }))))],
  ["base64 of random bytes", Buffer.from(random(SIZE).toString("base64"))],
  ["hex of random bytes", Buffer.from(random(SIZE).toString("hex"))],
  ["zeros", Buffer.alloc(SIZE)],
  ["a bitmap: a gradient with noise in 4 bits", fill((at, noise) => (at >> 6) + (noise & 15))],
  ["an RGBA bitmap of noise: opaque", fill((at, noise) => (at % 4 === 3 ? 255 : noise))],
  [
    "PCM audio of 16 bits with a noise floor",
    fill((at, noise) => (at % 2 === 0 ? noise : Math.sin(at / 90) * 40)),
  ],
  ["floats of random value", Buffer.from(Float32Array.from(random(SIZE / 4), (n) => n / 7).buffer)],
  ["doubles in [0, 1)", Buffer.from(Float64Array.from({ length: SIZE / 8 }, Math.random).buffer)],
  ["a counter of 32 bits", Buffer.from(Uint32Array.from({ length: SIZE / 4 }, (_, n) => n).buffer)],
  ["all byte values in turn", fill((at) => at)],
  ["a random block of 700 bytes, repeated", fill((at) => ((at % 700) ** 2) >> 3)],
  ["random bytes with runs of zeros", fill((at, noise) => (at % 512 < 400 ? noise : 0))],
  [
    "random bytes, the last eighth text",
    Buffer.concat([random((SIZE * 7) / 8), Buffer.from(words(5)).subarray(0, SIZE / 8)]),
  ],
  ["text, the rest random", Buffer.concat([Buffer.from(words(6)).subarray(0, 1024), random(SIZE)])],
];

test.each(compressible)("looksIncompressible() is false for %s", (_, bytes) => {
  expect(looksIncompressible(bytes)).toBe(false);
});
