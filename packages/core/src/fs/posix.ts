/**
 * Calls into the C library that Node has no function for, through koffi: the only file that touches it.
 *
 * koffi is an optional dependency with binaries for the common platforms. Where it does not load, `loadPosix`
 * gives undefined, and callers fall back to what Node can do.
 *
 * Arrays that are passed by address are borrowed for the call alone. Scratch memory is shared by all calls of a
 * thread, which is safe because each call is synchronous.
 *
 * @module
 */
import { createRequire } from "node:module";
import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";
import { AttributeCalls, type Library } from "./attribute-calls.ts";
import { CacheCalls } from "./cache-calls.ts";
import { CreateCalls } from "./create-calls.ts";
import { ENTRY_STATES_MEMORY, EntryStates } from "./entry-states.ts";
import { FlagCalls } from "./flag-calls.ts";
import { HoleCalls } from "./hole-calls.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  STATX,
  STATX_BASIC_STATS,
  type StatxBuffer,
} from "./statx.ts";

/** A point in time with nanoseconds from 0 to 999,999,999; `seconds` is negative before 1970. */
export interface TimeSpec {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What mknod(2) makes, by the names of the format. */
export type SpecialType = "fifo" | "chardev" | "dev";

/** What this machine's C library does for us. Paths must hold no NUL. Failures are errors with `code`, as Node's. */
export interface Posix {
  /**
   * lstat into memory that the next call overwrites; undefined if the kernel or library does not have statx. `mask` is
   * what is asked for: what lstat tells, unless given. Throws the system's error.
   */
  statx(path: Uint8Array, mask?: number): StatxBuffer | undefined;

  /**
   * The names of an entry's extended attributes, a symlink's own, each ended by NUL; a view that the next call
   * overwrites. Throws the system's error.
   */
  listAttributes(path: Uint8Array): Uint8Array;

  /** The value of one of them, a copy. Throws the system's error. */
  getAttribute(path: Uint8Array, name: Uint8Array): Uint8Array<ArrayBuffer>;

  /** A fast way to look at all entries of a directory; undefined where it cannot be had. `mask` as for `statx`. */
  entryStates(mask?: number): EntryStates | undefined;

  /** Reads and sets inode flags. */
  readonly flags: FlagCalls;

  /** Changes extended attributes. */
  readonly attributes: AttributeCalls;

  /** Makes files; undefined where the library does not have the calls. */
  readonly creating: CreateCalls | undefined;

  /** Tells where files have holes; undefined where the library does not have the call. */
  readonly holes: HoleCalls | undefined;

  /** Asks and tells the page cache; undefined where the library does not have the calls. */
  readonly cache: CacheCalls | undefined;

  /**
   * Make a fifo, character device (`chardev`) or block device (`dev`) that only the owner may use. `device` is its number as
   * lstat tells it. Throws the system's error: `EPERM` for a device if not root, `ENOSYS` where the library is too old.
   */
  makeNode(path: Uint8Array, type: SpecialType, device: bigint): void;

  /** Set access and modification time of the entry itself, a symlink too; exact to the nanosecond. */
  setTimes(path: Uint8Array, atime: TimeSpec, mtime: TimeSpec, followSymlink: boolean): void;

  /** Set access and modification time of an open file; exact to the nanosecond. */
  setDescriptorTimes(fd: number, atime: TimeSpec, mtime: TimeSpec): void;
}

const LONGEST_PATH = 4096;
/** Limits of the kernel for a list of names and for a value (xattr(7)). */
const LONGEST_ATTRIBUTE = 65_536;
const LONGEST_ATTRIBUTE_NAME = 255;
/** Where time_t and long are 64 bits wide, so that `struct timespec` is two 64-bit numbers. */
const WIDE = new Set(["x64", "arm64", "ppc64", "riscv64", "s390x", "loong64"]);

/** S_IFCHR and S_IFBLK of mknod(2). */
const DEVICE_BITS = { chardev: 0o020000, dev: 0o060000 } as const;

type Call = (...args: readonly unknown[]) => number;

interface KoffiLibrary {
  func(prototype: string): Call;
}

interface Koffi {
  load(library: string | null): KoffiLibrary;
  errno(): number;
  alloc(type: string, count: number): unknown;
  address(memory: unknown): bigint;
  view(memory: unknown, size: number): ArrayBuffer;
}

let loaded: Posix | undefined;
let tried = false;

/** The calls of this platform, or undefined where they cannot be had (not Linux, koffi missing). Loads once: 10 ms. */
export function loadPosix(): Posix | undefined {
  if (!tried) {
    tried = true;
    loaded = tryLoad();
  }
  return loaded;
}

function tryLoad(): Posix | undefined {
  if (process.platform !== "linux" || !WIDE.has(process.arch)) return undefined;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    return new LinuxCalls(koffi);
  } catch {
    return undefined;
  }
}

class LinuxCalls implements Posix {
  readonly attributes: AttributeCalls;
  readonly flags: FlagCalls;
  readonly cache: CacheCalls | undefined;
  readonly creating: CreateCalls | undefined;
  readonly holes: HoleCalls | undefined;
  readonly #koffi: Koffi;
  readonly #library: Library;
  readonly #utimensat: Call;
  readonly #futimens: Call;
  readonly #mkfifo: Call;
  readonly #mknod: Call | undefined;
  readonly #statx: Call | undefined;
  #statxWorks = true;
  readonly #llistxattr: Call;
  readonly #lgetxattr: Call;
  readonly #attribute = new Uint8Array(LONGEST_ATTRIBUTE);
  readonly #attributeName = new Uint8Array(LONGEST_ATTRIBUTE_NAME + 1);
  readonly #path = new Uint8Array(LONGEST_PATH + 1);
  readonly #statxBytes = new Uint8Array(STATX.size);
  readonly #statxView: StatxBuffer = new DataView(this.#statxBytes.buffer);
  readonly #times = new BigInt64Array(4);

  constructor(koffi: Koffi) {
    const libc = koffi.load(null);
    this.#koffi = koffi;
    this.#utimensat = libc.func(
      "int utimensat(int dirfd, const uint8_t *path, const int64_t *times, int flags)",
    );
    this.#futimens = libc.func("int futimens(int fd, const int64_t *times)");
    this.#llistxattr = libc.func(
      "int64_t llistxattr(const uint8_t *path, uint8_t *list, size_t size)",
    );
    this.#lgetxattr = libc.func(
      "int64_t lgetxattr(const uint8_t *path, const uint8_t *name, uint8_t *value, size_t size)",
    );
    this.#library = {
      bind: (prototype) => libc.func(prototype),
      lastError: (syscall) => systemError(syscall, koffi.errno()),
    };
    this.attributes = new AttributeCalls(this.#library);
    this.flags = new FlagCalls(this.#library);
    this.cache = tryMake(() => new CacheCalls(this.#library));
    this.creating = tryMake(() => new CreateCalls(this.#library));
    this.holes = tryMake(() => new HoleCalls(this.#library));
    this.#mkfifo = libc.func("int mkfifo(const uint8_t *path, unsigned int mode)");
    // glibc has it since 2.33, musl always.
    this.#mknod = tryBind(
      libc,
      "int mknod(const uint8_t *path, unsigned int mode, uint64_t device)",
    );
    // glibc has it since 2.28.
    this.#statx = tryBind(
      libc,
      "int statx(int dirfd, const uint8_t *path, int flags, unsigned int mask, uint8_t *result)",
    );
  }

  statx(path: Uint8Array, mask: number = STATX_BASIC_STATS): StatxBuffer | undefined {
    if (this.#statx === undefined || !this.#statxWorks || !this.#putPath(path)) return undefined;
    const result = this.#statx(AT_FDCWD, this.#path, AT_SYMLINK_NOFOLLOW, mask, this.#statxBytes);
    if (result === 0) return this.#statxView;
    const errno = this.#koffi.errno();
    if (errno !== constants.errno.ENOSYS && errno !== constants.errno.EPERM) {
      throw systemError("lstat", errno);
    }
    // An old kernel, or a sandbox that does not know the call yet.
    this.#statxWorks = false;
    return undefined;
  }

  entryStates(mask?: number): EntryStates | undefined {
    try {
      // Never freed: one for each thread, for as long as it lives.
      const memory = this.#koffi.alloc("uint8_t", ENTRY_STATES_MEMORY);
      const bytes = new Uint8Array(this.#koffi.view(memory, ENTRY_STATES_MEMORY));
      const address = Number(this.#koffi.address(memory));
      return new EntryStates(this.#library, { bytes, address }, mask);
    } catch {
      return undefined;
    }
  }

  listAttributes(path: Uint8Array): Uint8Array {
    if (!this.#putPath(path)) throw systemError("llistxattr", constants.errno.ENAMETOOLONG);
    const size = this.#llistxattr(this.#path, this.#attribute, LONGEST_ATTRIBUTE);
    if (size < 0) throw systemError("llistxattr", this.#koffi.errno());
    return this.#attribute.subarray(0, size);
  }

  getAttribute(path: Uint8Array, name: Uint8Array): Uint8Array<ArrayBuffer> {
    if (!this.#putPath(path) || name.length > LONGEST_ATTRIBUTE_NAME) {
      throw systemError("lgetxattr", constants.errno.ENAMETOOLONG);
    }
    this.#attributeName.set(name);
    this.#attributeName[name.length] = 0;
    const size = this.#lgetxattr(
      this.#path,
      this.#attributeName,
      this.#attribute,
      LONGEST_ATTRIBUTE,
    );
    if (size < 0) throw systemError("lgetxattr", this.#koffi.errno());
    return this.#attribute.slice(0, size);
  }

  makeNode(path: Uint8Array, type: SpecialType, device: bigint): void {
    if (!this.#putPath(path)) throw systemError("mknod", constants.errno.ENAMETOOLONG);
    const result =
      type === "fifo"
        ? this.#mkfifo(this.#path, 0o600)
        : this.#mknod?.(this.#path, DEVICE_BITS[type] | 0o600, device);
    if (result === undefined) throw systemError("mknod", constants.errno.ENOSYS);
    if (result !== 0) throw systemError("mknod", this.#koffi.errno());
  }

  setTimes(path: Uint8Array, atime: TimeSpec, mtime: TimeSpec, followSymlink: boolean): void {
    if (!this.#putPath(path)) throw systemError("utimensat", constants.errno.ENAMETOOLONG);
    this.#putTimes(atime, mtime);
    const flags = followSymlink ? 0 : AT_SYMLINK_NOFOLLOW;
    if (this.#utimensat(AT_FDCWD, this.#path, this.#times, flags) !== 0) {
      throw systemError("utimensat", this.#koffi.errno());
    }
  }

  setDescriptorTimes(fd: number, atime: TimeSpec, mtime: TimeSpec): void {
    this.#putTimes(atime, mtime);
    if (this.#futimens(fd, this.#times) !== 0) throw systemError("futimens", this.#koffi.errno());
  }

  /** False if the path is too long for the kernel, or would end early for it. */
  #putPath(path: Uint8Array): boolean {
    if (path.length > LONGEST_PATH || path.includes(0)) return false;
    this.#path.set(path);
    this.#path[path.length] = 0;
    return true;
  }

  #putTimes(atime: TimeSpec, mtime: TimeSpec): void {
    this.#times[0] = BigInt(atime.seconds);
    this.#times[1] = BigInt(atime.nanoseconds);
    this.#times[2] = BigInt(mtime.seconds);
    this.#times[3] = BigInt(mtime.nanoseconds);
  }
}

function tryMake<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

function tryBind(library: KoffiLibrary, prototype: string): Call | undefined {
  try {
    return library.func(prototype);
  } catch {
    return undefined;
  }
}

function systemError(syscall: string, errno: number): NodeJS.ErrnoException {
  const [code, words] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, `${syscall} failed`];
  const error: NodeJS.ErrnoException = new Error(`${code}: ${words}, ${syscall}`);
  error.code = code;
  error.errno = -errno;
  error.syscall = syscall;
  return error;
}
