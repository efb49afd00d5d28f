import { closeSync, ftruncateSync, writeSync } from "node:fs";

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
