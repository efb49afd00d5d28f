import { expect, test } from "vitest";
import { decodeIndex } from "../format/index-file.ts";
import { encodePackHeader } from "../format/pack-header.ts";
import { IndexWriter } from "./index-writer.ts";

function headerOf(blobs: number): Uint8Array {
  return encodePackHeader(
    Array.from({ length: blobs }, (_, n) => {
      const id = new Uint8Array(32);
      new DataView(id.buffer).setUint32(0, n);
      return { type: "data", id, offset: n * 100, length: 100, uncompressedLength: 200 };
    }),
  );
}

function countBlobs(bytes: Uint8Array): number {
  let count = 0;
  decodeIndex(bytes, { pack: () => undefined, blob: () => void count++ });
  return count;
}

function open(now: () => number): { writer: IndexWriter; saved: number[] } {
  const saved: number[] = [];
  const writer = new IndexWriter((bytes) => {
    saved.push(countBlobs(bytes));
    return Promise.resolve();
  }, now);
  return { writer, saved };
}

test("IndexWriter writes a file at 50,000 blobs, with all blobs of a pack in it", async () => {
  const { writer, saved } = open(() => 0);

  for (let pack = 0; pack < 6; pack++) await writer.add(`${pack}`.repeat(64), headerOf(10_000));

  expect(saved).toEqual([50_000]);
  await writer.flush();
  expect(saved).toEqual([50_000, 10_000]);
});

test("IndexWriter writes a file when the oldest pack in it is ten minutes old", async () => {
  let now = 1000;
  const { writer, saved } = open(() => now);

  await writer.add("a".repeat(64), headerOf(3));
  now += 10 * 60_000 - 1;
  await writer.add("b".repeat(64), headerOf(3));
  expect(saved).toEqual([]);
  now += 1;
  await writer.add("c".repeat(64), headerOf(3));

  expect(saved).toEqual([9]);
});

test("IndexWriter writes nothing when there is nothing to write", async () => {
  const { writer, saved } = open(() => 0);

  await writer.flush();

  expect(saved).toEqual([]);
});
