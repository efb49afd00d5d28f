import { SourceFile } from "../fs/source-file.ts";

/** So many requests at once a disk serves well, and each thread may hold so many files open. */
const AHEAD = 16;

/** A file that is open, or what the system said instead. */
type Opened = { readonly file: SourceFile } | { readonly error: unknown };

/**
 * Opens the files of a batch in their order, some before it is their turn, and has the system read those meanwhile. One small file
 * after the other, each thread would keep the disk at a single request, and wait for it.
 */
export class FilesAhead {
  readonly #paths: readonly Uint8Array[];
  readonly #sizeOf: (at: number) => number;
  readonly #opened: Opened[] = [];
  #next = 0;

  /** `sizeOf` tells how long the file at a place in `paths` is expected to be. */
  constructor(paths: readonly Uint8Array[], sizeOf: (at: number) => number) {
    this.#paths = paths;
    this.#sizeOf = sizeOf;
  }

  /**
   * The next file, which the caller closes. To be called no more often than there are paths.
   *
   * @throws the error of the operating system if it could not be opened; the next call is about the file after it.
   */
  take(): SourceFile {
    const end = Math.min(this.#paths.length, this.#next + AHEAD);
    for (let at = this.#next + this.#opened.length; at < end; at++) this.#open(at);
    const opened = this.#opened.shift() as Opened;
    this.#next++;
    if ("error" in opened) throw opened.error;
    return opened.file;
  }

  /** Close what nobody took. */
  close(): void {
    for (const opened of this.#opened.splice(0)) if ("file" in opened) opened.file.close();
  }

  #open(at: number): void {
    try {
      const size = this.#sizeOf(at);
      const file = new SourceFile(this.#paths[at] as Uint8Array, size);
      // The first is read at once.
      if (at > this.#next) file.readAhead(size);
      this.#opened.push({ file });
    } catch (error) {
      this.#opened.push({ error });
    }
  }
}
