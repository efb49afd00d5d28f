import { readdirSync } from "node:fs";

import { nodePath } from "./path.ts";

/**
 * The names in a directory as raw bytes, sorted by them, without `.` and `..`. A name may be a view of memory that
 * it shares with others: copy it before it is transferred to another thread.
 *
 * Throws the system's error (`ENOENT`, `EACCES`, `ENOTDIR`).
 */
export function readDirectory(path: Uint8Array): Uint8Array[] {
  return readNames(path).map((name) => Buffer.from(name, "latin1"));
}

/** The same names as text in which each character is one byte (Latin-1). */
export function readNames(path: Uint8Array): string[] {
  // Such text sorts as its bytes do, and faster than buffers would: 1.1 us a name instead of 1.5.
  return readdirSync(nodePath(path), "latin1").sort();
}
