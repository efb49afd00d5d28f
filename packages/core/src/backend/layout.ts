import { isId } from "../bytes/hex.ts";
import type { ByteRange, FileKind, FileRef } from "./backend.ts";

/** The folder of each kind of file (restic format, section 1); the config lies at the top. */
export const KIND_FOLDERS: Readonly<Record<FileKind, string>> = {
  config: "",
  key: "keys",
  lock: "locks",
  snapshot: "snapshots",
  index: "index",
  pack: "data",
  trash: "tsbak/trash",
};

/** The folders that a new repository has, as restic makes them; that of the trash is made when it is needed. */
export const FIRST_FOLDERS: readonly string[] = ["keys", "locks", "snapshots", "index", "data"];

/**
 * Where a file lies below the repository's root in restic's default layout, with `/` between the parts:
 * `config`, `keys/<id>`, `data/<first two digits>/<id>`.
 *
 * @throws {TypeError} Unless the name is 64 lower-case hex digits (empty for the config), so that no name
 *   can lead out of the repository.
 */
export function defaultLayoutPath(ref: FileRef): string {
  checkRef(ref);
  if (ref.kind === "config") return "config";
  const folder = KIND_FOLDERS[ref.kind];
  return ref.kind === "pack"
    ? `${folder}/${ref.name.slice(0, 2)}/${ref.name}`
    : `${folder}/${ref.name}`;
}

/** How messages name a file: `the config`, `pack 0a1b2c3d`. */
export function describeFile(ref: FileRef): string {
  return ref.kind === "config" ? "the config" : `${ref.kind} ${ref.name.slice(0, 8)}`;
}

/** How messages name `count` files of which the first is `ref`: `pack 0a1b2c3d and 41 more`. */
export function describeFiles(ref: FileRef, count: number): string {
  return count > 1 ? `${describeFile(ref)} and ${count - 1} more` : describeFile(ref);
}

/** @throws {TypeError} Unless the name fits the kind: 64 lower-case hex digits, or empty for the config. */
export function checkRef(ref: FileRef): void {
  if (ref.kind === "config" ? ref.name !== "" : !isId(ref.name)) {
    throw new TypeError(
      `Cannot address a ${ref.kind}: ${JSON.stringify(ref.name)} is no name of one`,
    );
  }
}

/** @throws {RangeError} Unless the offset is a whole number from 0 and the length one from 1. */
export function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  if (
    !Number.isSafeInteger(range.offset) ||
    range.offset < 0 ||
    !Number.isSafeInteger(range.length) ||
    range.length < 1
  ) {
    throw new RangeError(`Cannot read ${range.length} bytes at ${range.offset}: no range of bytes`);
  }
}
