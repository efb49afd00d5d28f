import { closeSync, constants, openSync, writeSync } from "node:fs";
import { writeFully } from "./write-file.ts";

/**
 * What is written past the page cache begins and ends with a block of so many bytes. It is at least a page, for no page may be
 * written both ways; only of this architecture is it known how large one is.
 */
export const DIRECT_BLOCK: number = process.arch === "x64" ? 4096 : 65_536;
/** Below this the page cache costs less than the second descriptor and the wait for the disk. */
export const LEAST_DIRECT: number = 128 << 10;

/**
 * Write all bytes at `offset`, and whole blocks of them past the page cache where the system can: there they would cost a copy and
 * new memory, and drive out what others need. Throws the system's error.
 *
 * The kernel takes only memory that lies to a page as its place in the file lies to a block: `pageMemory` with
 * `offset % DIRECT_BLOCK` bytes before `bytes`. Everything else is written as usual.
 */
export function writePastCache(fd: number, bytes: Uint8Array, offset: number): void {
  const head = -offset & (DIRECT_BLOCK - 1);
  const blocks = bytes.length - head - ((bytes.length - head) % DIRECT_BLOCK);
  if (blocks < LEAST_DIRECT - 2 * DIRECT_BLOCK || (bytes.byteOffset + head) % 512 !== 0) {
    writeFully(fd, bytes, offset);
    return;
  }
  const end = head + writeBlocks(fd, bytes.subarray(head, head + blocks), offset + head);
  writeFully(fd, bytes.subarray(0, head), offset);
  writeFully(fd, bytes.subarray(end), offset + end);
}

/** Returns how many bytes were written. A second descriptor of the same file bypasses the cache, the first one does not. */
function writeBlocks(fd: number, blocks: Uint8Array, offset: number): number {
  const flag = constants.O_DIRECT as number | undefined;
  if (flag === undefined) return 0;
  let direct = -1;
  let at = 0;
  try {
    direct = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | flag);
    while (at < blocks.length) {
      const written = writeSync(direct, blocks, at, blocks.length - at, offset + at);
      at += written - (written % DIRECT_BLOCK);
      if (written === 0 || written % DIRECT_BLOCK !== 0) break;
    }
  } catch {
    // The kernel or the file system does not like it this way. Whatever is really wrong, such as a full disk, shows
    // when the rest is written as usual.
  } finally {
    if (direct >= 0) closeSync(direct);
  }
  return at;
}
