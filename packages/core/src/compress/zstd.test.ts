import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTsbakError } from "../errors.ts";
import { loadZstd, zstdLevel } from "./zstd.ts";
import { maxCompressedLength } from "./zstd-bound.ts";
import { loadZstdLibrary } from "./zstd-library.ts";
import { loadNodeZstd } from "./zstd-node.ts";
import { loadWasmZstd } from "./zstd-wasm.ts";

const found = [loadZstdLibrary(), loadNodeZstd(), await loadWasmZstd()];
const all = found.filter((zstd) => zstd !== undefined);

/** What klauspost's encoder, and so restic, writes for tiny inputs: no content size in the header. */
const WITHOUT_SIZE = Uint8Array.from(Buffer.from("28b52ffd0000190000616263", "hex"));

function corrupt(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    return isTsbakError(error, "corrupt");
  }
}

function text(length: number): Uint8Array {
  return new Uint8Array(length).map((_, at) => 97 + ((at * at) % 23));
}

test("loadZstd() takes the library where koffi finds one", async () => {
  const zstd = await loadZstd();

  expect(zstd.name).toBe(found[0]?.name ?? found[1]?.name ?? "webassembly");
});

test("zstdLevel() rises with the effort that is asked for, whatever the contents", () => {
  const efforts = ["fastest", "auto", "better", "max"] as const;
  for (const bytes of [Buffer.alloc(100_000, "a line of text\n"), Buffer.alloc(100_000, 1)]) {
    const levels = efforts.map((effort) => zstdLevel(effort, bytes));
    expect(levels).toEqual([...new Set(levels)].sort((a, b) => a - b));
  }
});

test("zstdLevel() spends more on text and on what is short than on a large binary", () => {
  const text = Buffer.alloc(100_000, "a line of text\n");
  const binary = Buffer.alloc(100_000, 1);
  expect(zstdLevel("auto", text)).toBeGreaterThan(zstdLevel("auto", binary));
  expect(zstdLevel("auto", binary.subarray(0, 1000))).toBe(zstdLevel("auto", text));
});

test("every zstd reads what the others wrote", () => {
  const inputs = [new Uint8Array(0), text(1), text(300), text(2_000_000), randomBytes(100_000)];

  for (const writer of all) {
    for (const reader of all) {
      for (const input of inputs) {
        const frame = writer.compress(input, 3);
        const same = Buffer.compare(reader.decompress(frame, input.length), input) === 0;
        expect(same, `${writer.name} to ${reader.name}, ${input.length} bytes`).toBe(true);
      }
    }
  }
});

describe.each(all.map((zstd) => [zstd.name, zstd] as const))("Zstd of %s", (_, zstd) => {
  test("a round trip changes nothing, at any level", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.constantFrom(1, 3, 7, 12),
        (bytes, level) => {
          const frame = zstd.compress(bytes, level);
          const out = new Uint8Array(maxCompressedLength(bytes.length));
          expect(out.subarray(0, zstd.compressInto(bytes, level, out))).toEqual(frame);
          expect(Buffer.compare(zstd.decompress(frame, bytes.length), bytes)).toBe(0);
          expect(Buffer.compare(zstd.decompressUnknown(frame, bytes.length), bytes)).toBe(0);
        },
      ),
    );
  });

  test("compress() writes the content size and no checksum", () => {
    const frame = zstd.compress(text(1000), 3);

    // RFC 8878 3.1.1.1.1: bits 6-7 or bit 5 tell of a content size, bit 2 of a checksum.
    expect((frame[4] ?? 0) & 0b1110_0000).not.toBe(0);
    expect((frame[4] ?? 0) & 0b0000_0100).toBe(0);
  });

  test("results are memory of their own", () => {
    const first = zstd.compress(text(500), 3);
    const kept = Uint8Array.from(first);
    zstd.compress(randomBytes(5000), 3);

    expect(first).toEqual(kept);
    expect(first.buffer.byteLength).toBeLessThan(2 * first.length + 1);
  });

  test("a frame without content size is read", () => {
    expect(Buffer.from(zstd.decompress(WITHOUT_SIZE, 3)).toString()).toBe("abc");
    expect(Buffer.from(zstd.decompressUnknown(WITHOUT_SIZE, 100)).toString()).toBe("abc");
  });

  test("frames one after the other are read as one content", () => {
    const frames = Buffer.concat([
      zstd.compress(text(70_000), 3),
      WITHOUT_SIZE,
      zstd.compress(text(10), 3),
    ]);

    expect(zstd.decompress(frames, 70_013).length).toBe(70_013);
    expect(zstd.decompressUnknown(frames, 80_000).length).toBe(70_013);
  });

  test("content of another length than promised is corrupt", () => {
    const frame = zstd.compress(text(1000), 3);

    for (const length of [0, 1, 999, 1001, 5000]) {
      expect(
        corrupt(() => zstd.decompress(frame, length)),
        String(length),
      ).toBe(true);
    }
    expect(corrupt(() => zstd.decompressUnknown(frame, 999))).toBe(true);
    expect(zstd.decompressUnknown(frame, 1000).length).toBe(1000);
  });

  test("a bomb is stopped at the limit", () => {
    const frame = zstd.compress(new Uint8Array(64_000_000), 3);

    expect(corrupt(() => zstd.decompress(frame, 1000))).toBe(true);
    expect(corrupt(() => zstd.decompressUnknown(frame, 1_000_000))).toBe(true);
  });

  test("a header that claims an absurd size is corrupt, and nothing is allocated for it", () => {
    const hostile = Buffer.from("28b52ffde0ffffffffffffff0f010000", "hex");

    expect(corrupt(() => zstd.decompress(hostile, 100))).toBe(true);
    expect(corrupt(() => zstd.decompressUnknown(hostile, 1000))).toBe(true);
  });

  test("bytes that are no frame, a frame cut short and no bytes at all are corrupt", () => {
    const frame = zstd.compress(text(50_000), 3);
    const damaged = [
      randomBytes(100),
      frame.subarray(0, -1),
      frame.subarray(0, 6),
      new Uint8Array(0),
    ];

    for (const bytes of damaged) {
      expect(
        corrupt(() => zstd.decompress(bytes, 50_000)),
        String(bytes.length),
      ).toBe(true);
      expect(
        corrupt(() => zstd.decompressUnknown(bytes, 60_000)),
        String(bytes.length),
      ).toBe(true);
    }
    expect(zstd.decompress(frame, 50_000).length).toBe(50_000);
  });
});
