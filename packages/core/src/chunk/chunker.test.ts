import { createCipheriv, createHash } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { createChunker } from "./chunker.ts";
import type { Chunker } from "./chunker.ts";
import { kernelSearch, plainSearch } from "./cut-search.ts";
import { MAX_SIZE, MIN_SIZE, RabinChunker } from "./rabin.ts";
import { rabinTables } from "./rabin-tables.ts";
import { randomPolynomial } from "./polynomial.ts";

const POLYNOMIAL = 0x3da3358b4dc173n;
const MIB = 2 ** 20;

/** restic-format section 18: what restic itself makes of the key stream. */
const GOLDEN = [
  551133, 640712, 2766582, 898583, 2782732, 2263350, 531615, 1191198, 3039727, 3056265, 6102139,
  872917, 919848, 1608882, 1844092, 1605195, 2879462,
];

function keyStream(length: number, key = 0): Buffer {
  const cipher = createCipheriv("aes-256-ctr", Buffer.alloc(32, key), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(length));
}

/** Lengths of the chunks of `data`, which arrives in pieces as long as `nextPiece` says. */
function chunkLengths(chunker: Chunker, data: Uint8Array, nextPiece: () => number): number[] {
  const { memory } = chunker;
  const lengths: number[] = [];
  let start = 0;
  let end = 0;
  let read = 0;
  for (;;) {
    const at = chunker.cut(start, end, read === data.length);
    if (at !== -1) {
      lengths.push(at - start);
      start = at;
    } else if (read === data.length) {
      return lengths;
    } else {
      if (end === memory.length) {
        memory.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      const length = Math.min(nextPiece(), memory.length - end, data.length - read);
      memory.set(data.subarray(read, read + length), end);
      read += length;
      end += length;
    }
  }
}

function sum(lengths: number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}

describe("RabinChunker", () => {
  let data: Buffer;
  beforeAll(() => {
    data = keyStream(32 * MIB);
  });

  test("cut() finds restic's chunks in 32 MiB of key stream", () => {
    expect(createHash("sha256").update(data).digest("hex")).toMatch(/^580881df129d7ef3/);

    const lengths = chunkLengths(new RabinChunker(POLYNOMIAL, 16 * MIB), data, () => Infinity);

    expect(lengths).toEqual(GOLDEN);
    const first = data.subarray(0, GOLDEN[0]);
    const last = data.subarray(data.length - (GOLDEN.at(-1) ?? 0));
    expect(createHash("sha256").update(first).digest("hex")).toMatch(/^3ce030d9/);
    expect(createHash("sha256").update(last).digest("hex")).toMatch(/^124933c1/);
  });

  test("cut() finds the same chunks without WebAssembly", () => {
    const chunker = new RabinChunker(POLYNOMIAL, 16 * MIB, plainSearch);

    expect(chunkLengths(chunker, data, () => 3 * MIB)).toEqual(GOLDEN);
  });

  test("cut() cuts zeros every 512 KiB", () => {
    const chunker = new RabinChunker(POLYNOMIAL, 9 * MIB);
    const lengths = chunkLengths(chunker, new Uint8Array(3 * MIB), () => 70_000);

    expect(lengths).toEqual([MIN_SIZE, MIN_SIZE, MIN_SIZE, MIN_SIZE, MIN_SIZE, MIN_SIZE]);
    const zeros = createHash("sha256").update(new Uint8Array(MIN_SIZE)).digest("hex");
    expect(zeros).toBe("07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541");
  });

  test("cut() ends a chunk without a cut at 8 MiB", () => {
    const chunker = new RabinChunker(POLYNOMIAL, 16 * MIB);
    // A run of one byte, not zero, never hashes to a cut with this polynomial.
    const lengths = chunkLengths(chunker, new Uint8Array(17 * MIB).fill(1), () => 5_000_001);

    expect(lengths).toEqual([MAX_SIZE, MAX_SIZE, MIB]);
  });

  test("reset() makes what was found out about a chunk void", () => {
    const chunker = new RabinChunker(POLYNOMIAL, 9 * MIB);
    chunker.memory.fill(1);
    expect(chunker.cut(0, 6 * MIB, false)).toBe(-1);
    chunker.memory.set(data.subarray(0, MIB));

    chunker.reset();

    expect(chunker.cut(0, MIB, false)).toBe(GOLDEN[0]);
  });

  test("it refuses a polynomial of another degree", () => {
    expect(() => new RabinChunker(7n, MIB)).toThrow(/degree 2, expected 53/);
  });
});

test("kernelSearch() and plainSearch() find the same cuts in any range, under any polynomial", () => {
  const size = 300_000;
  const text = Buffer.from("the same line of text over and over again\n".repeat(8000)).subarray(
    0,
    size,
  );

  for (const data of [keyStream(size), text, Buffer.alloc(size)]) {
    const tables = rabinTables(randomPolynomial());
    const kernel = kernelSearch(tables, size);
    const plain = plainSearch(tables, size);
    if (kernel === undefined) throw new Error("The kernel is not built: run `npm run build`");
    kernel.memory.set(data);
    plain.memory.set(data);
    fc.assert(
      fc.property(
        fc.integer({ min: 64, max: size }),
        fc.integer({ min: 0, max: size }),
        (from, length) => {
          const to = Math.min(size, from + length);
          expect(kernel.find(from, to)).toBe(plain.find(from, to));
        },
      ),
      { numRuns: 30 },
    );
  }
});

test("kernelSearch() finds the first of several cuts, in whichever lane they lie", () => {
  const size = 100_000;
  const tables = rabinTables(POLYNOMIAL);
  const kernel = kernelSearch(tables, size);
  if (kernel === undefined) throw new Error("The kernel is not built: run `npm run build`");

  // 64 zeros are a cut; the byte before and behind them is none.
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 100, max: size - 100 }), { minLength: 1, maxLength: 6 }),
      (places) => {
        kernel.memory.fill(1);
        for (const place of places) kernel.memory.fill(0, place - 64, place);
        expect(kernel.find(64, size)).toBe(Math.min(...places));
      },
    ),
  );
});

describe.each(["rabin", "fastcdc"] as const)("createChunker(%s)", (kind) => {
  const chunker = createChunker(kind, POLYNOMIAL, 17 * MIB);

  test("cuts do not depend on how the bytes arrive", () => {
    const data = keyStream(21 * MIB + 12345, 1);
    const expected = chunkLengths(chunker, data, () => Infinity);
    expect(sum(expected)).toBe(data.length);

    for (const limit of [100_000, 700_000, 9 * MIB]) {
      let seed = limit;
      const nextPiece = (): number => 1 + ((seed = (seed * 48271) % 0x7fffffff) % limit);
      expect(chunkLengths(chunker, data, nextPiece), `pieces up to ${limit}`).toEqual(expected);
    }
  });

  test("chunks keep to the sizes, and the cuts of the rest survive an insertion", () => {
    const data = keyStream(24 * MIB, 2);
    const before = chunkLengths(chunker, data, () => Infinity);
    const longer = Buffer.concat([Buffer.from("inserted"), data]);

    const after = chunkLengths(chunker, longer, () => Infinity);

    expect(Math.min(...before.slice(0, -1))).toBeGreaterThanOrEqual(MIN_SIZE);
    expect(Math.max(...before)).toBeLessThanOrEqual(MAX_SIZE);
    expect(after.slice(-3)).toEqual(before.slice(-3));
  });

  test("no bytes are no chunk, and a short file is one", () => {
    expect(chunkLengths(chunker, new Uint8Array(0), () => 1)).toEqual([]);
    expect(chunkLengths(chunker, new Uint8Array(1), () => 1)).toEqual([1]);
    expect(chunkLengths(chunker, keyStream(MIN_SIZE), () => 1000_000)).toEqual([MIN_SIZE]);
  });

  test("cut() refuses offsets outside the memory", () => {
    expect(() => chunker.cut(0, chunker.memory.length + 1, true)).toThrow(RangeError);
    expect(() => chunker.cut(5, 4, true)).toThrow(RangeError);
  });
});
