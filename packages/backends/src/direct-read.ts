import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

import { isInPageCache } from "@tsbak/core";
import type { ByteRange } from "@tsbak/core";

/** What a disk may demand of places and lengths. */
export const BLOCK_SIZE = 4096;
/** Below this the page cache is no burden. */
const MIN_SIZE = 1 << 20;

/**
 * Open a file, which is open as `fd`, so that it is read past the page cache: in whole blocks, to memory that begins with a block.
 * Undefined where that cannot be done, or is slower because the range is in the cache.
 *
 * Packs are read once. There they would cost a copy and new memory, and drive out what others need.
 */
export async function openPastCache(
  path: string,
  fd: number,
  { offset, length }: ByteRange,
): Promise<FileHandle | undefined> {
  const flag = constants.O_DIRECT as number | undefined;
  if (flag === undefined || length < MIN_SIZE || isInPageCache(fd, offset, length))
    return undefined;
  try {
    return await open(path, constants.O_RDONLY | flag);
  } catch {
    // The file system cannot do it.
    return undefined;
  }
}

/**
 * Read a range of a file, which is open as `fd`, past the page cache into the memory that is lent, which must begin with a page and have
 * room for whole blocks. Undefined if that did not work: then it is to be read as usual, which tells what is wrong.
 */
export async function readPastCache(
  path: string,
  fd: number,
  range: ByteRange,
  into: ArrayBuffer,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const head = range.offset % BLOCK_SIZE;
  const end = head + range.length;
  const whole = Math.ceil(end / BLOCK_SIZE) * BLOCK_SIZE;
  if (into.byteLength < whole) return undefined;
  const file = await openPastCache(path, fd, range);
  if (file === undefined) return undefined;
  try {
    const blocks = new Uint8Array(into, 0, whole);
    for (let at = 0; at < end;) {
      const { bytesRead } = await file.read(blocks, at, whole - at, range.offset - head + at);
      if (bytesRead === 0) return undefined;
      at += bytesRead;
    }
    return new Uint8Array(into, head, range.length);
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
