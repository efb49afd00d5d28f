import type { Chunker } from "../chunk/chunker.ts";
import { SourceFile } from "../fs/source-file.ts";
import type { FileStat } from "../fs/stat.ts";
import { throwIfStopped } from "../workers/serve-tasks.ts";
import type { ChunkStore } from "./chunk-store.ts";

/** What one reading of a file gave. */
export interface ReadFile {
  /** Ids of its blobs as JSON: `"…","…"`. */
  content: string;
  /** Bytes read. */
  size: number;
  /** Set if what was stored belongs to another state of the file than the expected one. */
  stat: FileStat | undefined;
  /** The file changed during the second reading, too. */
  unstable: boolean;
}

const READ_SIZE = 1 << 20;

/** Reads source files into the chunker's memory, cuts and stores them. One for each thread. */
export class FileReader {
  readonly #chunker: Chunker;
  readonly #store: ChunkStore;

  constructor(chunker: Chunker, store: ChunkStore) {
    this.#chunker = chunker;
    this.#store = store;
  }

  /**
   * Store a file. `isExpected` tells whether it is still in the state that the caller knows; if it is not when it has been read,
   * it is read once more, and what that gives is kept.
   *
   * @throws the error of the operating system if it cannot be read.
   */
  read(path: Uint8Array, size: number, isExpected: (stat: FileStat) => boolean): ReadFile {
    const file = new SourceFile(path, size);
    try {
      const first = this.#readOnce(file, size);
      if (isExpected(file.stat())) {
        return { ...first, stat: undefined, unstable: false };
      }
      return this.#readAgain(file);
    } finally {
      file.forget(0, 0);
      file.close();
    }
  }

  /** Find the end of each chunk of a file without storing it, and return the file's size. */
  cut(path: Uint8Array, onCut: (end: number) => void): number {
    const file = new SourceFile(path);
    try {
      let position = 0;
      this.#chunks(file, Infinity, (chunk) => {
        position += chunk.length;
        onCut(position);
      });
      return position;
    } finally {
      file.close();
    }
  }

  /** Store one chunk of a file by its place; shorter if the file has become so. */
  readRange(file: SourceFile, offset: number, length: number): { id: string; size: number } {
    const memory = this.#chunker.memory;
    let size = 0;
    while (size < length) {
      const count = file.read(memory, size, length - size, offset + size);
      if (count === 0) break;
      size += count;
    }
    return { id: size === 0 ? "" : this.#store.save(memory.subarray(0, size)), size };
  }

  #readAgain(file: SourceFile): ReadFile {
    const before = file.stat();
    const { content, size } = this.#readOnce(file, before.size);
    const after = file.stat();
    const unstable =
      after.size !== size ||
      after.mtimeSeconds !== before.mtimeSeconds ||
      after.mtimeNanoseconds !== before.mtimeNanoseconds;
    return { content, size, stat: { ...before, size }, unstable };
  }

  #readOnce(file: SourceFile, expectedSize: number): { content: string; size: number } {
    let content = "";
    let size = 0;
    this.#chunks(file, expectedSize, (chunk) => {
      const id = this.#store.save(chunk);
      content += content === "" ? `"${id}"` : `,"${id}"`;
      size += chunk.length;
    });
    return { content, size };
  }

  /**
   * Call `visit` with each chunk, a view that is valid during the call. A read that ends exactly at `expectedSize` is
   * taken for the end of the file without asking again: whoever expects a size checks the state afterwards.
   */
  #chunks(file: SourceFile, expectedSize: number, visit: (chunk: Uint8Array) => void): void {
    const memory = this.#chunker.memory;
    // The file before may have ended in an error.
    this.#chunker.reset();
    let start = 0;
    let end = 0;
    let position = 0;
    let isEnd = expectedSize === 0;
    for (;;) {
      const cut = end > start || isEnd ? this.#chunker.cut(start, end, isEnd) : -1;
      if (cut > start) {
        throwIfStopped();
        visit(memory.subarray(start, cut));
        start = cut;
        continue;
      }
      if (isEnd) return;
      if (memory.length - end < READ_SIZE) {
        memory.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      const room = Math.min(READ_SIZE, memory.length - end);
      const count = file.read(memory, end, room, position);
      end += count;
      position += count;
      isEnd = count === 0 || (position === expectedSize && count < room);
    }
  }
}
