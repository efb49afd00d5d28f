import { expect, test } from "vitest";
import { BlobIndex } from "../../repository/blob-index.ts";
import { inHalves, type JobPart } from "./halves.ts";
import type { TransferJob } from "./pack-reader.ts";

const BLOBS = 200;

/** An index of packs of 100-byte blobs, and all of it as jobs. */
function somePacks(packs: number): { readonly index: BlobIndex; readonly jobs: TransferJob[] } {
  const index = new BlobIndex();
  const jobs = Array.from({ length: packs }, (_, pack) => {
    const number = index.packNumber(String(pack).padStart(64, "0"));
    for (let n = 0; n < BLOBS; n++) {
      const id = new Uint8Array(32);
      new DataView(id.buffer).setUint32(0, pack * BLOBS + n);
      const place = { offset: n * 100, length: 100, uncompressedLength: 0 };
      index.add("data", id, 0, number, place);
    }
    return { pack, entries: Uint32Array.from({ length: BLOBS }, (_, n) => pack * BLOBS + n) };
  });
  return { index, jobs };
}

function entriesOf(parts: readonly JobPart[]): number[] {
  return parts.flatMap(({ part }) => [...part.entries]);
}

test("inHalves gives each blob once, and one half of a window before the other", () => {
  const { index, jobs } = somePacks(3);

  const parts = [...inHalves(jobs, index, 2 * BLOBS * 100)];

  expect(parts.map(({ part }) => part.pack)).toEqual([0, 1, 0, 1, 2, 2]);
  expect(entriesOf(parts).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 3 * BLOBS }, (_, n) => n),
  );
  for (const { part } of parts)
    expect([...part.entries]).toEqual([...part.entries].sort((a, b) => a - b));
});

test("inHalves decides by chance, and tells when a whole job is done", () => {
  const { index, jobs } = somePacks(1);

  const [first, second] = [...inHalves(jobs, index, 1)];
  const [again] = [...inHalves(jobs, index, 1)];

  expect(first?.whole).toBe(jobs[0]);
  expect(first?.left).toBe(second?.left);
  expect(first?.left.parts).toBe(2);
  expect([...(first?.part.entries ?? [])]).not.toEqual([...(again?.part.entries ?? [])]);
});
