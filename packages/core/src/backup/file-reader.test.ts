import { createCipheriv } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createChunker } from "../chunk/chunker.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { SourceFile } from "../fs/source-file.ts";
import { toPathBytes } from "../fs/path.ts";
import { FileReader } from "./file-reader.ts";
import type { ChunkSaver } from "./held-chunks.ts";

const MEMORY_SIZE = 9 << 20;
const POLYNOMIAL = 0x3da3358b4dc173n;
/** Shorter and longer than what is held, than a read, than a group and than the memory. */
const SIZES = [
  ...[0, 1, 100, 20_000, 15_000, 700_000, 20_000, 3 << 20, 0, 1 << 20, 12_345_678, 400],
  ...[5_000_000, 5_000_001, 30_000, 30_000, 9 << 20, 64, 16_384, 16_383, 2_500_000],
];

let folder: string;
let saved: Map<string, Buffer>;
let groups: number[];
let reader: FileReader;

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "tsbak-reader-"));
  SIZES.forEach((size, at) => fs.writeFileSync(join(folder, `${at}`), contentsOf(at, size)));
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});

beforeEach(() => {
  saved = new Map();
  groups = [];
  const save = (bytes: Uint8Array): string => {
    const id = sha256Hex(bytes);
    saved.set(id, Buffer.from(bytes));
    return id;
  };
  const store: ChunkSaver = {
    save,
    saveAll(plains) {
      groups.push(plains.length);
      return plains.map(save);
    },
  };
  reader = new FileReader(createChunker("rabin", POLYNOMIAL, MEMORY_SIZE), store);
});

function contentsOf(at: number, size: number): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, at), Buffer.alloc(16)).update(
    Buffer.alloc(size),
  );
}

function pathOf(at: number): Uint8Array {
  return toPathBytes(join(folder, `${at}`));
}

function isSaved(ids: readonly string[], contents: Buffer): boolean {
  return Buffer.concat(ids.map((id) => saved.get(id) as Buffer)).equals(contents);
}

test("FileReader gives each file of a row the ids of its own chunks, in their order", () => {
  const files = SIZES.map((size, at) => reader.read(new SourceFile(pathOf(at)), size, () => true));
  reader.finish();

  const wrong = SIZES.filter((size, at) => !isSaved(files[at]?.ids ?? [], contentsOf(at, size)));
  expect(wrong).toEqual([]);
  expect(files.map(({ size }) => size)).toEqual(SIZES);
  expect(Math.max(...groups)).toBeGreaterThan(1);
});

test("FileReader keeps what it read of other files when one cannot be read or is read again", () => {
  const before = reader.read(new SourceFile(pathOf(7)), 3 << 20, () => true);
  expect(() => reader.read(new SourceFile(toPathBytes(folder)), 4096, () => true)).toThrow(
    "EISDIR",
  );
  const changed = reader.read(new SourceFile(pathOf(20)), 1000, () => false);
  const after = reader.read(new SourceFile(pathOf(5)), 700_000, () => true);
  reader.finish();

  expect(isSaved(before.ids, contentsOf(7, 3 << 20))).toBe(true);
  expect(isSaved(changed.ids, contentsOf(20, 2_500_000))).toBe(true);
  expect(changed.stat?.size).toBe(2_500_000);
  expect(isSaved(after.ids, contentsOf(5, 700_000))).toBe(true);
});

test("FileReader finds in a long file the same cuts when chunks of others are held", () => {
  const whole = reader.read(new SourceFile(pathOf(10)), 12_345_678, () => true);
  reader.finish();
  const lengths = whole.ids.map((id) => (saved.get(id) as Buffer).length);
  reader.read(new SourceFile(pathOf(7)), 3 << 20, () => true);
  const ends: number[] = [];

  expect(reader.cut(pathOf(10), (end) => ends.push(end))).toBe(12_345_678);

  expect(ends.map((end, at) => end - (ends[at - 1] ?? 0))).toEqual(lengths);
});

test("FileReader stores ranges, and as much as there is of one beyond the file's end", () => {
  const file = new SourceFile(pathOf(10));
  const starts = [0, 2_000_000, 8_000_000, 12_000_000, 13_000_000];
  const ranges = starts.map((start, at) => {
    return reader.readRange(file, start, (starts[at + 1] ?? 14_000_000) - start);
  });
  reader.finish();
  file.close();

  expect(ranges.map(({ size }) => size)).toEqual([2_000_000, 6_000_000, 4_000_000, 345_678, 0]);
  expect(
    isSaved(
      ranges.flatMap(({ ids }) => ids),
      contentsOf(10, 12_345_678),
    ),
  ).toBe(true);
});
