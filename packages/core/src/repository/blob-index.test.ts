import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { toHex } from "../bytes/hex.ts";
import { BlobIndex } from "./blob-index.ts";
import { SharedIndexView } from "./shared-index.ts";

const place = { offset: 10, length: 50, uncompressedLength: 90 };

function idOf(number: number): Uint8Array {
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(0, Math.imul(number, 2654435761) >>> 0);
  new DataView(id.buffer).setUint32(28, number);
  return id;
}

describe("BlobIndex", () => {
  test("finds every blob that was added, and no other", () => {
    const index = new BlobIndex();
    const pack = index.packNumber("aa");
    for (let n = 0; n < 50_000; n++) index.add("data", idOf(n), 0, pack, place);

    for (let n = 0; n < 50_000; n++) expect(index.has("data", idOf(n))).toBe(true);
    for (let n = 50_000; n < 51_000; n++) expect(index.has("data", idOf(n))).toBe(false);
    expect(index.size).toBe(50_000);
  });

  test("keeps data and tree blobs of the same id apart", () => {
    const index = new BlobIndex();
    index.add("data", idOf(1), 0, index.packNumber("aa"), place);

    expect(index.has("tree", idOf(1))).toBe(false);

    index.add("tree", idOf(1), 0, index.packNumber("bb"), { ...place, offset: 0 });
    expect(index.locate("data", toHex(idOf(1))).map((at) => at.pack)).toEqual(["aa"]);
    expect(index.locate("tree", toHex(idOf(1))).map((at) => at.pack)).toEqual(["bb"]);
  });

  test("counts the same copy once and keeps copies in other packs", () => {
    const index = new BlobIndex();
    const first = index.packNumber("aa");
    index.add("data", idOf(1), 0, first, place);
    index.add("data", idOf(1), 0, first, place);
    index.add("data", idOf(1), 0, index.packNumber("bb"), place);

    expect(index.size).toBe(2);
    expect(index.locate("data", toHex(idOf(1))).map((at) => at.pack)).toEqual(["aa", "bb"]);
  });

  test("gives places and plain lengths back as they were added, up to 4 GiB", () => {
    const number = fc.integer({ min: 32, max: 0xffffffff });
    const uncompressed = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(number, number, uncompressed, (offset, length, uncompressedLength) => {
        const index = new BlobIndex();
        const expected = { offset, length, uncompressedLength };
        index.add("tree", idOf(7), 0, index.packNumber("aa"), expected);

        expect(index.locate("tree", toHex(idOf(7)))).toEqual([{ pack: "aa", ...expected }]);
        expect(index.plainLength("tree", idOf(7))).toBe(uncompressedLength || length - 32);
      }),
    );
  });

  test("says that a blob has nothing in it if it is shorter than its seal", () => {
    const index = new BlobIndex();
    const short = { offset: 0, length: 31, uncompressedLength: 0 };
    index.add("data", idOf(7), 0, index.packNumber("aa"), short);

    expect(index.plainLength("data", idOf(7))).toBe(0);
  });

  test("costs no more than 64 bytes a blob", () => {
    const index = new BlobIndex();
    const pack = index.packNumber("aa");
    for (const count of [100_000, 200_000, 300_000]) {
      for (let n = count - 100_000; n < count; n++) index.add("data", idOf(n), 0, pack, place);

      expect(index.memorySize / index.size).toBeLessThanOrEqual(64);
    }
  });

  test("reads an id at an offset of a larger array", () => {
    const index = new BlobIndex();
    const bytes = new Uint8Array(100);
    bytes.set(idOf(3), 41);
    index.add("data", bytes, 41, index.packNumber("aa"), place);

    expect(index.has("data", idOf(3))).toBe(true);
    expect(index.has("data", bytes, 41)).toBe(true);
    expect(index.has("data", bytes, 40)).toBe(false);
  });

  test("is readable in another thread through its shared buffers", async () => {
    const index = new BlobIndex();
    for (let n = 0; n < 1000; n++) {
      index.add("data", idOf(n), 0, index.packNumber("aa"), place);
    }
    const view = new SharedIndexView(index.share());
    const worker = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       parentPort.postMessage(workerData.ids.byteLength);`,
      { eval: true, workerData: index.share() },
    );
    const size = await new Promise((resolve) => worker.once("message", resolve));

    expect(size).toBeGreaterThanOrEqual(32_000);
    expect(view.has("data", idOf(999))).toBe(true);
    expect(view.has("data", idOf(1000))).toBe(false);
  });
});
