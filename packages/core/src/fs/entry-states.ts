import { constants } from "node:fs";
import type { Library } from "./attribute-calls.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  STATX,
  STATX_BASIC_STATS,
  type StatxBuffer,
} from "./statx.ts";

/** Memory outside the JavaScript heap, and where it lies. */
export interface FixedMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: number;
}

/** A path of the longest length and its NUL, up to where the answer is aligned. */
const STATE_AT = 8192;
const LONGEST_PATH = 4095;
const SLASH = 0x2f;
/** O_PATH and O_CLOEXEC, which Node does not tell, have these values wherever `loadPosix` works (fcntl.h). */
const OPEN_FLAGS = 0o10000000 | 0o2000000 | constants.O_DIRECTORY;
/** From so many entries on it pays to open their directory. */
const WORTH_OPENING = 5;

/** How much memory the class works in, in bytes. */
export const ENTRY_STATES_MEMORY: number = STATE_AT + STATX.size;

/**
 * lstat of one entry of a directory after the other, making no garbage: addresses are given as numbers, which costs a fifth of what
 * arrays cost. The directory is opened, so that the kernel need not walk its path for each entry.
 */
export class EntryStates {
  /** The answer of the last `look`, laid out as `STATX` says; the next one overwrites it. */
  readonly state: StatxBuffer;
  readonly #statx: ReturnType<Library["bind"]>;
  readonly #open: ReturnType<Library["bind"]>;
  readonly #close: ReturnType<Library["bind"]>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #mask: number;
  readonly #address: number;
  #nameAt = 0;
  /** What the path that starts at `#start` is relative to. */
  #directory = AT_FDCWD;
  #start = 0;

  /** `mask` is what statx(2) is asked for. Throws if the C library does not have it. */
  constructor(library: Library, memory: FixedMemory, mask: number = STATX_BASIC_STATS) {
    this.#mask = mask;
    this.#statx = library.bind(
      "int statx(int dirfd, uint64_t path, int flags, unsigned int mask, uint64_t result)",
    );
    this.#open = library.bind("int open(uint64_t path, int flags)");
    this.#close = library.bind("int close(int fd)");
    this.#bytes = memory.bytes;
    this.#address = memory.address;
    this.state = new DataView(memory.bytes.buffer, memory.bytes.byteOffset + STATE_AT, STATX.size);
  }

  /**
   * Name the directory that the following entries are in, about `count` of them, until `leave`. False if its path is too long
   * for the kernel.
   */
  enter(directory: Uint8Array, count: number): boolean {
    if (directory.length >= LONGEST_PATH) return false;
    this.#bytes.set(directory);
    this.#nameAt = directory.length;
    if (directory.at(-1) !== SLASH) this.#bytes[this.#nameAt++] = SLASH;
    this.#bytes[this.#nameAt] = 0;
    const descriptor = count < WORTH_OPENING ? -1 : this.#open(this.#address, OPEN_FLAGS);
    this.#directory = descriptor < 0 ? AT_FDCWD : descriptor;
    this.#start = this.#address + (descriptor < 0 ? 0 : this.#nameAt);
    return true;
  }

  /** Done with the directory. */
  leave(): void {
    if (this.#directory >= 0) this.#close(this.#directory);
    this.#directory = AT_FDCWD;
  }

  /** Ask for an entry, each character of its name being one byte. False if the system refuses, for whatever reason. */
  look(name: string): boolean {
    const at = this.#nameAt;
    if (at + name.length > LONGEST_PATH) return false;
    for (let i = 0; i < name.length; i++) this.#bytes[at + i] = name.charCodeAt(i);
    this.#bytes[at + name.length] = 0;
    const answer = this.#address + STATE_AT;
    return this.#statx(this.#directory, this.#start, AT_SYMLINK_NOFOLLOW, this.#mask, answer) === 0;
  }
}
