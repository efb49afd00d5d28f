import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BlobIndex } from "../repository/blob-index.ts";
import { BlobUses } from "./blob-uses.ts";
import { cutPieces } from "./pieces.ts";

const PACK = "ab".repeat(32);
const MIB = 1 << 20;

/** An index of one pack whose blobs have these sealed lengths, one after another; entry numbers count up from 0. */
function indexOf(lengths: readonly number[]): BlobIndex {
  const index = new BlobIndex();
  const pack = index.packNumber(PACK);
  let offset = 0;
  lengths.forEach((length, at) => {
    const id = new Uint8Array(32).fill(at + 1);
    index.add("data", id, 0, pack, { offset, length, uncompressedLength: 0 });
    offset += length;
  });
  return index;
}

describe("cutPieces()", () => {
  test("reads every used blob once, and each piece from its first to its last blob", () => {
    const property = fc.property(
      fc.array(fc.integer({ min: 32, max: 3 * MIB }), { minLength: 1, maxLength: 40 }),
      fc.array(fc.nat(39), { minLength: 1, maxLength: 60 }),
      (lengths, wanted) => {
        const index = indexOf(lengths);
        const uses = new BlobUses();
        wanted.forEach((blob, at) => uses.add(PACK, blob % lengths.length, at, 0));

        const pieces = cutPieces(index, uses, PACK);

        const found = pieces.flatMap((piece) => piece.blobs.flatMap((blob) => blob.uses));
        expect(found.toSorted((a, b) => a - b)).toEqual(wanted.map((_, at) => at));
        const ids = pieces.flatMap((piece) => piece.blobs.map((blob) => blob.id));
        expect(new Set(ids).size).toBe(ids.length);
        for (const { offset, length, blobs } of pieces) {
          expect(offset).toBe(blobs[0]?.offset);
          expect(offset + length).toBe(Math.max(...blobs.map((blob) => blob.offset + blob.length)));
          expect(length).toBeLessThan((16 + 3) * MIB + 1);
        }
      },
    );
    fc.assert(property);
  });

  test("reads over a small gap and not over a large one", () => {
    const index = indexOf([100, MIB / 2, 100, 2 * MIB, 100]);
    const uses = new BlobUses();
    [4, 2, 0].forEach((entry, file) => uses.add(PACK, entry, file, 0));

    const ranges = cutPieces(index, uses, PACK).map(({ offset, length }) => [offset, length]);

    expect(ranges).toEqual([
      [0, MIB / 2 + 200],
      [2.5 * MIB + 200, 100],
    ]);
  });

  test("spreads a blob of very many uses over several pieces", () => {
    const uses = new BlobUses();
    for (let file = 0; file < 10_000; file++) uses.add(PACK, 0, file, 0);

    const pieces = cutPieces(indexOf([100]), uses, PACK);

    expect(pieces.map((piece) => piece.blobs[0]?.uses.length)).toEqual([4096, 4096, 1808]);
  });
});
