import type { Library } from "./attribute-calls.ts";

const POSIX_FADV_WILLNEED = 3;
const POSIX_FADV_DONTNEED = 4;
const PROT_READ = 1;
const MAP_SHARED = 1;

/** What the kernel keeps of open files in its page cache: posix_fadvise(2) and mincore(2). */
export class CacheCalls {
  readonly #fadvise: ReturnType<Library["bind"]>;
  readonly #mmap: ReturnType<Library["bind"]>;
  readonly #munmap: ReturnType<Library["bind"]>;
  readonly #mincore: ReturnType<Library["bind"]>;
  readonly #pageSize: number;

  /** Throws if the library lacks one of them. */
  constructor(library: Library) {
    this.#fadvise = library.bind(
      "int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)",
    );
    this.#mmap = library.bind(
      "int64_t mmap(int64_t address, size_t length, int protection, int flags, int fd, int64_t offset)",
    );
    this.#munmap = library.bind("int munmap(int64_t address, size_t length)");
    this.#mincore = library.bind("int mincore(int64_t address, size_t length, uint8_t *pages)");
    this.#pageSize = library.bind("int getpagesize()")();
  }

  /** Have the system read a part of an open file ahead, without waiting for it. Failures are of no consequence. */
  willNeed(fd: number, offset: number, length: number): void {
    this.#fadvise(fd, offset, length, POSIX_FADV_WILLNEED);
  }

  /** Have the system forget a part of an open file, but for what is still to be written. `length` 0 means up to its end. */
  dontNeed(fd: number, offset: number, length: number): void {
    this.#fadvise(fd, offset, length, POSIX_FADV_DONTNEED);
  }

  /**
   * Whether at least half of a part of an open file is in the page cache. True also if it cannot be said: of a file that
   * belongs to others, the kernel claims so.
   */
  isCached(fd: number, offset: number, length: number): boolean {
    const start = offset - (offset % this.#pageSize);
    const size = offset + length - start;
    const address = this.#mmap(0, size, PROT_READ, MAP_SHARED, fd, start);
    if (address === -1) return true;
    const pages = new Uint8Array(Math.ceil(size / this.#pageSize));
    const failed = this.#mincore(address, size, pages) !== 0;
    this.#munmap(address, size);
    return failed || 2 * pages.reduce((sum, page) => sum + (page & 1), 0) >= pages.length;
  }
}
