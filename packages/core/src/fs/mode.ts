/**
 * File modes as the restic format stores them: the bits of Go's `fs.FileMode` (restic format, section 8),
 * where the type is in the high bits and setuid, setgid and sticky are not at 07000.
 *
 * @module
 */

const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFBLK = 0o060000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFSOCK = 0o140000;

/** What a stored node is. `irregular` is never backed up. */
export type NodeType =
  "file" | "dir" | "symlink" | "dev" | "chardev" | "fifo" | "socket" | "irregular";

interface TypeEntry {
  readonly name: NodeType;
  readonly unix: number;
  readonly go: number;
}

const TYPES: readonly TypeEntry[] = [
  { name: "file", unix: S_IFREG, go: 0 },
  { name: "dir", unix: S_IFDIR, go: 2 ** 31 },
  { name: "symlink", unix: S_IFLNK, go: 2 ** 27 },
  { name: "dev", unix: S_IFBLK, go: 2 ** 26 },
  { name: "chardev", unix: S_IFCHR, go: 2 ** 26 + 2 ** 21 },
  { name: "fifo", unix: S_IFIFO, go: 2 ** 25 },
  { name: "socket", unix: S_IFSOCK, go: 2 ** 24 },
];
const IRREGULAR: TypeEntry = { name: "irregular", unix: 0, go: 2 ** 19 };

/** By the four type bits of st_mode, because these functions run for every file. */
const BY_UNIX: readonly TypeEntry[] = Array.from(
  { length: 16 },
  (_, bits) => TYPES.find((type) => type.unix === bits << 12) ?? IRREGULAR,
);

const GO_TYPE_BITS = 0x8f28_0000;
const GO_SETUID = 1 << 23;
const GO_SETGID = 1 << 22;
const GO_STICKY = 1 << 20;

/** The stored mode for a `st_mode` of lstat; unsigned, because directories have bit 31. */
export function goMode(stMode: number): number {
  let mode = (stMode & 0o777) | typeOf(stMode).go;
  if ((stMode & 0o4000) !== 0) mode |= GO_SETUID;
  if ((stMode & 0o2000) !== 0) mode |= GO_SETGID;
  if ((stMode & 0o1000) !== 0) mode |= GO_STICKY;
  return mode >>> 0;
}

/** The `st_mode` that a stored mode stands for; what Unix has no type for gets none. */
export function unixMode(goMode: number): number {
  const typeBits = (goMode & GO_TYPE_BITS) >>> 0;
  let mode = (goMode & 0o777) | (TYPES.find((type) => type.go === typeBits)?.unix ?? 0);
  if ((goMode & GO_SETUID) !== 0) mode |= 0o4000;
  if ((goMode & GO_SETGID) !== 0) mode |= 0o2000;
  if ((goMode & GO_STICKY) !== 0) mode |= 0o1000;
  return mode;
}

/** True for the `st_mode` of a directory. */
export function isDirectoryMode(stMode: number): boolean {
  return (stMode & S_IFMT) === S_IFDIR;
}

/** The stored type of a file with this `st_mode`. */
export function nodeType(stMode: number): NodeType {
  return typeOf(stMode).name;
}

function typeOf(stMode: number): TypeEntry {
  return BY_UNIX[(stMode & S_IFMT) >> 12] ?? IRREGULAR;
}
