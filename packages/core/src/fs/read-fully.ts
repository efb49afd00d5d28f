import { readSync } from "node:fs";

/**
 * Read `length` bytes at `offset` to the start of `into`. Returns how many there were: fewer if the file ends before. Throws the
 * system's error.
 */
export function readFully(fd: number, into: Uint8Array, length: number, offset: number): number {
  for (let at = 0; at < length;) {
    const count = readSync(fd, into, at, length - at, offset + at);
    if (count === 0) return at;
    at += count;
  }
  return length;
}
