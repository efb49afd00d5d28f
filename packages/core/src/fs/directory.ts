import { readdirSync } from "node:fs";

import { nodePath } from "./path.ts";

/**
 * The names in a directory as raw bytes, sorted by them, without `.` and `..`. A name may be a view of memory that
 * it shares with others: copy it before it is transferred to another thread.
 *
 * Throws the system's error (`ENOENT`, `EACCES`, `ENOTDIR`).
 */
export function readDirectory(path: Uint8Array): Uint8Array[] {
  // In Latin-1 each byte is one character, so text sorts as its bytes do, and faster than buffers would:
  // 1.1 us a name instead of 1.5.
  const names = readdirSync(nodePath(path), "latin1");
  names.sort();
  return names.map((name) => Buffer.from(name, "latin1"));
}
