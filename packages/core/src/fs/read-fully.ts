import { readSync } from "node:fs";

/**
 * Read `length` bytes at `offset` to the start of `into`, or, if the file ends before, at least `least` if it has so many. Returns
 * how many were read. Throws the system's error.
 */
export function readFully(
  fd: number,
  into: Uint8Array,
  length: number,
  offset: number,
  least: number = length,
): number {
  let at = 0;
  while (at < least) {
    const count = readSync(fd, into, at, length - at, offset + at);
    if (count === 0) break;
    at += count;
  }
  return at;
}
