import { closeSync, fchmodSync, fstatSync, ftruncateSync, writeSync } from "node:fs";
import { readFully } from "./read-fully.ts";

/** Write all bytes at `offset`. Throws the system's error (`ENOSPC`, `EIO`). */
export function writeFully(fd: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(fd, bytes, at, bytes.length - at, offset + at);
  }
}

/** Cut a file or make it longer; what is added reads as zeros and takes no room. Throws the system's error. */
export function setLength(fd: number, length: number): void {
  ftruncateSync(fd, length);
}

/** Let a descriptor go. Throws the system's error, which for some network file systems is that of an earlier write. */
export function closeFile(fd: number): void {
  closeSync(fd);
}

/** What is compared before it is written: a page, which is what the system writes to the disk at least. */
const BLOCK = 4096;

/** Write those blocks of the bytes at `offset` that the file does not hold yet. The file must be open for reading too. */
export function writeDifferences(fd: number, bytes: Uint8Array, offset: number): void {
  const old = Buffer.allocUnsafeSlow(bytes.length);
  const length = readFully(fd, old, bytes.length, offset);
  let start = -1;
  // The first block ends where one of the file does.
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + BLOCK - ((offset + at) % BLOCK));
    const isSame = end <= length && old.compare(bytes, at, end, at, end) === 0;
    if (!isSame && start < 0) start = at;
    if (isSame && start >= 0) {
      writeFully(fd, bytes.subarray(start, at), offset + start);
      start = -1;
    }
    at = end;
  }
  if (start >= 0) writeFully(fd, bytes.subarray(start), offset + start);
}

/** Take from the mode of a file what `mode` does not allow, and setuid and setgid, but nothing from its owner. */
export function narrowMode(fd: number, mode: number): void {
  const now = fstatSync(fd).mode & 0o7777;
  const narrow = (now & mode & 0o777) | (now & 0o600);
  if (narrow !== now) fchmodSync(fd, narrow);
}
