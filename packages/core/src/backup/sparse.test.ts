import * as fs from "node:fs";
import { randomFillSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createChunker, type Chunker, type ChunkerKind } from "../chunk/chunker.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { toPathBytes } from "../fs/path.ts";
import { SourceFile } from "../fs/source-file.ts";
import { loadPosix } from "../fs/posix.ts";
import { FileReader } from "./file-reader.ts";

const MEMORY_SIZE = 9 << 20;
const POLYNOMIAL = 0x3da3358b4dc173n;
const MIB = 1 << 20;
const LARGEST_SIZE = 48 * MIB;
/** What islands of data are cut from. */
const DATA = randomFillSync(Buffer.alloc(4 * MIB));

let folder: string;
let path: string;

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "tsbak-sparse-"));
  path = join(folder, "file");
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});

/** A hole, then data. */
interface Island {
  readonly hole: number;
  readonly data: number;
  /** Data may be zeros, too. */
  readonly isZero: boolean;
}

/** Writes the file and returns what it holds. */
function writeIslands(islands: readonly Island[], end: number): Buffer {
  const size = islands.reduce((sum, { hole, data }) => sum + hole + data, end);
  const contents = Buffer.alloc(size);
  const fd = fs.openSync(path, "w");
  fs.ftruncateSync(fd, size);
  let at = 0;
  for (const { hole, data, isZero } of islands) {
    at += hole;
    if (!isZero) DATA.copy(contents, at, hole % 1000, (hole % 1000) + data);
    fs.writeSync(fd, contents, at, data, at);
    at += data;
  }
  fs.closeSync(fd);
  return contents;
}

/** A reader that tells how much was hashed. */
function createReader(chunker: Chunker): { reader: FileReader; hashed: () => number } {
  let hashed = 0;
  const save = (bytes: Uint8Array): string => {
    hashed += bytes.length;
    return sha256Hex(bytes);
  };
  const store = { save, saveAll: (plains: readonly Uint8Array[]) => plains.map(save) };
  return { reader: new FileReader(chunker, store), hashed: () => hashed };
}

/** Ends of the chunks of contents that lie in memory. */
function plainCuts(chunker: Chunker, contents: Buffer): number[] {
  chunker.reset();
  chunker.memory.set(contents);
  const ends: number[] = [];
  for (let start = 0; start < contents.length; start = ends.at(-1) ?? 0) {
    ends.push(chunker.cut(start, contents.length, true));
  }
  return ends;
}

const size = fc.oneof(
  fc.integer({ min: 0, max: 9 * MIB }),
  fc.constantFrom(0, 1, 4096, MIB / 2, MIB / 2 + 1, MIB, 8 * MIB, 8 * MIB + 4096),
);
const island = fc.record({
  hole: size,
  data: fc.oneof(fc.integer({ min: 1, max: 3 * MIB }), fc.constantFrom(1, 64, 4096)),
  isZero: fc.boolean(),
});

test.each<ChunkerKind>(["rabin", "fastcdc"])(
  "FileReader gives a sparse file the chunks that %s finds in its bytes",
  (kind) => {
    const plain = createChunker(kind, POLYNOMIAL, LARGEST_SIZE);
    // There can be but one of FastCDC in a thread.
    const chunker = kind === "fastcdc" ? plain : createChunker(kind, POLYNOMIAL, MEMORY_SIZE);
    const { reader } = createReader(chunker);

    fc.assert(
      fc.property(fc.array(island, { maxLength: 3 }), size, (islands, end) => {
        const contents = writeIslands(islands, end);
        const ends = plainCuts(plain, contents);
        const ids = ends.map((end, at) => sha256Hex(contents.subarray(ends[at - 1] ?? 0, end)));

        const whole = reader.read(new SourceFile(toPathBytes(path)), contents.length, () => true);
        reader.finish();
        const cuts: number[] = [];
        reader.cut(toPathBytes(path), (end) => cuts.push(end));
        const file = new SourceFile(toPathBytes(path));
        const ranges = ends.map((end, at) => {
          const start = ends[at - 1] ?? 0;
          return reader.readRange(file, start, end - start);
        });
        reader.finish();
        file.close();

        expect(whole.size).toBe(contents.length);
        expect(whole.ids).toEqual(ids);
        expect(cuts).toEqual(ends);
        expect(ranges.flatMap((range) => range.ids)).toEqual(ids);
      }),
      { numRuns: 25 },
    );
  },
);

test.skipIf(loadPosix()?.holes === undefined)(
  "FileReader neither reads nor hashes the inside of a hole, however long it is",
  () => {
    fs.writeFileSync(path, DATA.subarray(0, 3 * MIB));
    fs.truncateSync(path, 10 * 1024 * MIB);
    const { reader, hashed } = createReader(createChunker("rabin", POLYNOMIAL, MEMORY_SIZE));

    const { ids, size } = reader.read(
      new SourceFile(toPathBytes(path)),
      10 * 1024 * MIB,
      () => true,
    );
    reader.finish();

    expect(size).toBe(10 * 1024 * MIB);
    expect(ids.length).toBeGreaterThan(20_000);
    // What is left of a hole at its ends belongs to chunks with the data beside it.
    expect(hashed()).toBeLessThan(8 * MIB);
  },
);
