import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  statfsSync,
  statSync,
} from "node:fs";
import { isInPageCache } from "./page-cache.ts";
import { nodePath } from "./path.ts";
import { loadPosix } from "./posix.ts";
import { fromNode, statDescriptor, type FileStat } from "./stat.ts";
import { isSystemError } from "./system-error.ts";

/** A fifo or device that took the place of a file must neither be followed nor hang us. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Undefined where the system has none. */
const O_NOATIME = constants.O_NOATIME as number | undefined;
/** What smaller files take in the page cache is not worth a question. */
const LEAST_DROPPED = 1 << 20;
/** Of longer files only the beginning is asked for. */
const ASKED_SIZE = 64 << 20;
const DISK_SECTOR = 512;
/** ZFS has called data a hole that was written a moment before (OpenZFS before 2.2.2). */
const ZFS = 0x2fc12fc1;

/**
 * A file that is being backed up, open for reading, its access time left alone where we may. Synchronous: for worker threads.
 * Throws the system's errors.
 */
export class SourceFile {
  readonly #descriptor: number;
  readonly #isForgotten: boolean;
  /** Undefined until somebody asks for holes. */
  #tellsHoles: boolean | undefined;
  /** There is no hole between these. */
  #dataStart = 0;
  #dataEnd = 0;

  /**
   * Opens the file, but not what a symlink points to. Of one with `size` bytes or so that is large and not in the page cache,
   * `forget` takes out of there what was read.
   */
  constructor(path: Uint8Array, size = 0) {
    this.#descriptor = openQuietly(path);
    this.#isForgotten =
      size >= LEAST_DROPPED && !isInPageCache(this.#descriptor, 0, Math.min(size, ASKED_SIZE));
  }

  /** Read up to `length` bytes from `position` in the file to `at` in `memory`; fewer only at the end of the file, 0 behind it. */
  read(memory: Uint8Array, at: number, length: number, position: number): number {
    return readSync(this.#descriptor, memory, at, length, position);
  }

  /** Have the system read the first `length` bytes meanwhile, if they are not in the page cache. */
  readAhead(length: number): void {
    if (length > 0) loadPosix()?.cache?.willNeed(this.#descriptor, 0, length);
  }

  /**
   * Where the hole ends that `position` lies in; `position` itself if it lies in none. Asks the system seldom if the positions
   * ascend.
   */
  holeEnd(position: number): number {
    if (position >= this.#dataStart && position < this.#dataEnd) return position;
    this.#tellsHoles ??= tellsHoles(this.#descriptor);
    const holes = this.#tellsHoles ? loadPosix()?.holes : undefined;
    if (holes === undefined) return position;
    const end = holes.nextData(this.#descriptor, position);
    if (end > position) return end;
    this.#dataStart = position;
    this.#dataEnd = holes.nextHole(this.#descriptor, position);
    return position;
  }

  /** The state of the file that is open, whatever its path means by now. */
  stat(): FileStat {
    return statDescriptor(this.#descriptor);
  }

  /** Nobody needs this part any more: the page cache is for what others use. `length` 0 means up to the end. */
  forget(offset: number, length: number): void {
    if (this.#isForgotten) loadPosix()?.cache?.dontNeed(this.#descriptor, offset, length);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Whether a file can have holes, as it takes less than its size on the disk, and its file system can be believed about them. */
function tellsHoles(descriptor: number): boolean {
  if (process.platform !== "linux") return false;
  const { size, blocks } = fstatSync(descriptor);
  return blocks * DISK_SECTOR < size && statfsSync(`/proc/self/fd/${descriptor}`).type !== ZFS;
}

/** Only the owner and root may leave the access time alone (open(2)). */
function openQuietly(path: Uint8Array): number {
  if (O_NOATIME !== undefined) {
    try {
      return openSync(nodePath(path), OPEN_FLAGS | O_NOATIME);
    } catch (error) {
      if (!isSystemError(error) || error.code !== "EPERM") throw error;
    }
  }
  return openSync(nodePath(path), OPEN_FLAGS);
}

/** The raw target of a symbolic link. Throws the system's error. */
export function readLink(path: Uint8Array): Uint8Array {
  return readlinkSync(nodePath(path), "buffer");
}

/** The state of what a path means in the end: stat(2), not lstat(2). Throws the system's error. */
export function statTarget(path: Uint8Array): FileStat {
  return fromNode(statSync(nodePath(path), { bigint: true }));
}
