import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { pageMemory } from "../bytes/page-memory.ts";
import { DIRECT_BLOCK, LEAST_DIRECT, writePastCache } from "./direct-write.ts";

const MIB = 1 << 20;
/** Memory of the machine is a file system of its own, with its own idea of direct writing. */
const places = [tmpdir(), "/dev/shm"].filter((path) => existsSync(path));
const folders = new Map(places.map((path) => [path, mkdtempSync(join(path, "tsbak-direct-"))]));
afterAll(() => {
  for (const folder of folders.values()) rmSync(folder, { recursive: true });
});

function fill(bytes: Uint8Array): Uint8Array {
  return bytes.map((_, at) => (at * 7 + (at >> 8)) & 0xff);
}

/** A copy of `bytes` that begins `shift` bytes after a page begins. */
function placed(bytes: Uint8Array, shift: number): Uint8Array {
  const memory = pageMemory(shift + bytes.length).subarray(shift);
  memory.set(bytes);
  return memory;
}

describe.each(places)("writePastCache() on %s", (place) => {
  const path = join(folders.get(place) as string, "file");
  const write = (bytes: Uint8Array, offset: number): void => {
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT);
    writePastCache(fd, bytes, offset);
    closeSync(fd);
  };

  test.each([
    ["at a block", 0, 2 * MIB],
    ["from a block to within one", 0, 2 * MIB + 77],
    ["from within a block", 100, MIB + 5],
    ["from the last byte of a block", DIRECT_BLOCK - 1, MIB],
    ["a little", 5, 3],
    ["nothing", 0, 0],
    ["the least that goes past the cache", 0, LEAST_DIRECT],
  ])("writes %s", (_, offset, length) => {
    rmSync(path, { force: true });
    const bytes = fill(new Uint8Array(length));

    write(placed(bytes, offset % DIRECT_BLOCK), offset);

    const written = readFileSync(path);
    expect(written.length).toBe(length === 0 ? 0 : offset + length);
    expect(Buffer.compare(written.subarray(offset), bytes)).toBe(0);
  });

  test("writes from memory that lies otherwise", () => {
    rmSync(path, { force: true });
    const bytes = fill(new Uint8Array(MIB));

    write(placed(bytes, 16), 0);

    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
  });

  test("joins parts that end within blocks, in any order", () => {
    rmSync(path, { force: true });
    const bytes = fill(new Uint8Array(4 * MIB + 999));
    const cuts = [0, 700_001, 700_900, 2 * MIB + 1, 3 * MIB, bytes.length];

    for (const part of [3, 0, 4, 2, 1]) {
      const [start, end] = [cuts[part] as number, cuts[part + 1] as number];
      write(placed(bytes.subarray(start, end), start % DIRECT_BLOCK), start);
    }

    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
  });
});

test("writePastCache() throws what the system says", () => {
  const fd = openSync(join(folders.get(tmpdir()) as string, "closed"), "w");
  closeSync(fd);

  expect(() => writePastCache(fd, pageMemory(MIB), 0)).toThrow("EBADF");
});
