import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { absolutePath, joinPath, nodePath, printablePath, toPathBytes } from "./path.ts";
import { readFully } from "./read-fully.ts";
import { describeSystemError, isSystemError } from "./system-error.ts";

/** A file that marks the folder it lies in, so that what is in there is not saved. */
export interface TagFile {
  readonly name: string;
  /** What the file begins with, if it is to count; empty if it need only be there. */
  readonly header: string;
}

/** The tag of folders that can be made anew at any time: https://bford.info/cachedir/. */
export const CACHE_TAG: TagFile = {
  name: "CACHEDIR.TAG",
  header: "Signature: 8a477f597d28d172789f06886806bc55",
};

/** A fifo in the place of a tag must not hang us. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** Whether a folder is marked by a tag. `warn` is told of a tag that does not count, in restic's words. */
export function isTagged(
  folder: Uint8Array,
  tag: TagFile,
  warn: (message: string) => void,
): boolean {
  const path = joinPath(folder, toPathBytes(tag.name));
  try {
    lstatSync(nodePath(path));
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return false;
    warn(`could not access exclusion tagfile: ${describeSystemError(error)}`);
    return false;
  }
  if (tag.header === "") return true;
  const name = `exclusion tagfile "${printablePath(absolutePath(path))}"`;
  try {
    const begin = readBegin(path, Buffer.byteLength(tag.header));
    if (begin.equals(Buffer.from(tag.header))) return true;
    warn(
      begin.length < Buffer.byteLength(tag.header)
        ? `invalid (too short) signature in ${name}`
        : `invalid signature in ${name}`,
    );
  } catch (error) {
    warn(`could not read signature from ${name}: ${describeSystemError(error)}`);
  }
  return false;
}

function readBegin(path: Uint8Array, length: number): Buffer {
  const descriptor = openSync(nodePath(path), OPEN_FLAGS);
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readFully(descriptor, bytes, length, 0));
  } finally {
    closeSync(descriptor);
  }
}
