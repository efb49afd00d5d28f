import { constants } from "node:fs";
import { constants as system } from "node:os";
import type { Library } from "./attribute-calls.ts";

/** The number of openat2(2), which is the same on all machines that count system calls as x86-64 and arm64 do. */
const OPENAT2 = 437;
const O_CLOEXEC = 0o2000000;
/** RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS and RESOLVE_BENEATH. */
const RESOLVE = 0x02 | 0x04 | 0x08;
const LONGEST_PATH = 4096;
const SLASH = 0x2f;

/** Makes files by paths of several names below an open directory, in one call: openat2(2), since Linux 5.6. */
export class CreateCalls {
  readonly #library: Library;
  readonly #syscall: ReturnType<Library["bind"]>;
  readonly #close: ReturnType<Library["bind"]>;
  /** `struct open_how`: flags, mode, and how names are resolved. */
  readonly #how = new BigUint64Array(3);
  readonly #howBytes = new Uint8Array(this.#how.buffer);
  readonly #path = new Uint8Array(LONGEST_PATH);
  #state: "untried" | "works" | "missing" = "untried";

  constructor(library: Library) {
    this.#library = library;
    this.#syscall = library.bind(
      "int64_t syscall(int64_t number, int64_t directory, const uint8_t *path, const uint8_t *how, size_t size)",
    );
    this.#close = library.bind("int close(int fd)");
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    this.#how.set([BigInt(flags | O_CLOEXEC), 0n, BigInt(RESOLVE)]);
  }

  /**
   * Create the file `name` in the directory `dir` below an open one, and open it for writing; `close` closes it. Neither may hold a NUL. The umask
   * is taken from `mode`. -1 if that cannot be done, for whatever reason: something stands there, a directory is missing or a symlink, or
   * the kernel is too old.
   */
  create(root: number, dir: Uint8Array, name: Uint8Array, mode: number): number {
    if (this.#state === "missing" || !this.#putPath(dir, name)) return -1;
    this.#how[1] = BigInt(mode);
    const fd = this.#syscall(OPENAT2, root, this.#path, this.#howBytes, this.#howBytes.length);
    if (this.#state === "untried") this.#learn(fd);
    return fd;
  }

  /** A thread of Node minds only the descriptors that it opened itself. Throws the system's error. */
  close(fd: number): void {
    if (this.#close(fd) !== 0) throw this.#library.lastError("close");
  }

  /** False if the path is too long for the kernel. */
  #putPath(dir: Uint8Array, name: Uint8Array): boolean {
    const start = dir.length === 0 ? 0 : dir.length + 1;
    if (start + name.length >= LONGEST_PATH) return false;
    this.#path.set(dir);
    if (start > 0) this.#path[dir.length] = SLASH;
    this.#path.set(name, start);
    this.#path[start + name.length] = 0;
    return true;
  }

  /** Sandboxes refuse calls that they do not know with EPERM. */
  #learn(fd: number): void {
    const { EPERM, ENOSYS } = system.errno;
    const errno = fd >= 0 ? 0 : -(this.#library.lastError("openat2").errno ?? 0);
    this.#state = errno === ENOSYS || errno === EPERM ? "missing" : "works";
  }
}
