import { constants } from "node:os";
import type { Library } from "./attribute-calls.ts";

const SEEK_END = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Where a file has holes, as the file system tells: lseek(2) with SEEK_DATA and SEEK_HOLE. */
export class HoleCalls {
  readonly #lseek: ReturnType<Library["bind"]>;
  readonly #library: Library;

  /** Throws if the library lacks the call. */
  constructor(library: Library) {
    this.#library = library;
    this.#lseek = library.bind("int64_t lseek(int fd, int64_t offset, int whence)");
  }

  /**
   * The first offset from `offset` on that is not in a hole; the end of the file if all that follows is one. `offset` itself if it
   * lies at the end or beyond, or the file system does not tell.
   */
  nextData(fd: number, offset: number): number {
    const found = this.#lseek(fd, offset, SEEK_DATA);
    if (found >= 0) return found;
    if (this.#library.lastError("lseek").errno !== -constants.errno.ENXIO) return offset;
    return Math.max(offset, this.#lseek(fd, 0, SEEK_END));
  }

  /** The first hole from `offset` on, or the end of the file; Infinity if the file system does not tell. */
  nextHole(fd: number, offset: number): number {
    const found = this.#lseek(fd, offset, SEEK_HOLE);
    return found >= 0 ? found : Infinity;
  }
}
