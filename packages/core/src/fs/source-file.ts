import { closeSync, constants, openSync, readlinkSync, readSync, statSync } from "node:fs";
import { nodePath } from "./path.ts";
import { fromNode, statDescriptor, type FileStat } from "./stat.ts";

/** A fifo or device that took the place of a file must neither be followed nor hang us. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A file that is being backed up, open for reading. Synchronous: for worker threads. Throws the system's errors. */
export class SourceFile {
  readonly #descriptor: number;

  /** Opens the file, but not what a symlink points to. */
  constructor(path: Uint8Array) {
    this.#descriptor = openSync(nodePath(path), OPEN_FLAGS);
  }

  /** Read up to `length` bytes from `position` in the file to `at` in `memory`; fewer only at the end of the file, 0 behind it. */
  read(memory: Uint8Array, at: number, length: number, position: number): number {
    return readSync(this.#descriptor, memory, at, length, position);
  }

  /** The state of the file that is open, whatever its path means by now. */
  stat(): FileStat {
    return statDescriptor(this.#descriptor);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** The raw target of a symbolic link. Throws the system's error. */
export function readLink(path: Uint8Array): Uint8Array {
  return readlinkSync(nodePath(path), "buffer");
}

/** The state of what a path means in the end: stat(2), not lstat(2). Throws the system's error. */
export function statTarget(path: Uint8Array): FileStat {
  return fromNode(statSync(nodePath(path), { bigint: true }));
}
