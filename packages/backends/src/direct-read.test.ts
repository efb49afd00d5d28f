import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { isInPageCache, LENT_ROOM } from "@tsbak/core";
import { afterAll, beforeEach, expect, test } from "vitest";

import { openPastCache, readPastCache } from "./direct-read.ts";

const MIB = 1 << 20;
const SIZE = 3 * MIB + 5;
const folder = mkdtempSync(join(tmpdir(), "tsbak-direct-read-"));
const path = join(folder, "pack");
const bytes = new Uint8Array(SIZE).map((_, at) => (at * 31) >> 7);
writeFileSync(path, bytes);
const fd = openSync(path, "r");

afterAll(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  // Writes what is dirty, and then forgets all of the file.
  spawnSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
});

test.each([
  [0, SIZE],
  [1, SIZE - 1],
  [4095, MIB],
  [4096, MIB + 4096],
  [MIB + 7, 2 * MIB - 2],
])(
  "a range at %i of %i bytes is read whole, and the page cache left as it was",
  async (offset, length) => {
    const into = pages(length + LENT_ROOM);
    const wasCached = isInPageCache(fd, 0, SIZE);

    const read = await readPastCache(path, fd, { offset, length }, into);

    if (wasCached) {
      console.warn(`SKIPPED: ${folder} is on a file system that lives in the page cache`);
      expect(read).toBe(undefined);
      return;
    }
    expect(Buffer.compare(read ?? new Uint8Array(0), bytes.subarray(offset, offset + length))).toBe(
      0,
    );
    expect(read?.buffer).toBe(into);
    expect(isInPageCache(fd, 0, SIZE)).toBe(false);
  },
);

test("nothing is read so that is in the cache, is short, or for which the memory is too small", async () => {
  const short = { offset: 0, length: MIB - 1 };
  const whole = { offset: 0, length: SIZE };
  expect(await readPastCache(path, fd, short, pages(2 * MIB))).toBe(undefined);
  expect(await readPastCache(path, fd, whole, pages(SIZE))).toBe(undefined);

  spawnSync("cat", [path], { maxBuffer: 2 * SIZE });
  expect(isInPageCache(fd, 0, SIZE)).toBe(true);
  expect(await openPastCache(path, fd, whole)).toBe(undefined);
});

test("a range beyond the end is left to who can say what is wrong", async () => {
  const range = { offset: 2 * MIB, length: 2 * MIB };
  expect(await readPastCache(path, fd, range, pages(3 * MIB))).toBe(undefined);
});

function pages(size: number): ArrayBuffer {
  const memory = new ArrayBuffer(0, { maxByteLength: size });
  memory.resize(size);
  return memory;
}
