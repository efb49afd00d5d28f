import type { Chunker } from "../chunk/chunker.ts";
import { SourceFile } from "../fs/source-file.ts";
import type { FileStat } from "../fs/stat.ts";
import { throwIfStopped } from "../workers/serve-tasks.ts";
import { HeldChunks, type ChunkSaver } from "./held-chunks.ts";

/** What one reading of a file gave. */
export interface ReadFile {
  /** Of its blobs, in hex; good after `FileReader.finish`. */
  ids: readonly string[];
  /** Bytes read. */
  size: number;
  /** Set if what was stored belongs to another state of the file than the expected one. */
  stat: FileStat | undefined;
  /** The file changed during the second reading, too. */
  unstable: boolean;
}

const READ_SIZE = 1 << 20;
/** Of smaller files reading the zeros costs less than asking. */
const LEAST_WITH_HOLES = 1 << 20;

/** What is done with the chunks of a file, in their order. */
interface ChunkVisitor {
  /** A chunk at a place in the memory, where it stays until `finish` if it is held. */
  chunk(start: number, end: number): void;
  /** So many chunks of `zeroLength` zeros each. */
  zeros(count: number): void;
}

/** Reads source files into the chunker's memory, cuts and stores them. One for each thread. */
export class FileReader {
  readonly #chunker: Chunker;
  readonly #store: ChunkSaver;
  readonly #held: HeldChunks;
  /** Of the chunk that a hole of any size consists of, but for what is left at its ends; undefined until there was one. */
  #zeroId: string | undefined;
  /** From here on no chunk is held in the memory. */
  #free = 0;

  constructor(chunker: Chunker, store: ChunkSaver) {
    this.#chunker = chunker;
    this.#store = store;
    this.#held = new HeldChunks(store);
  }

  /**
   * Store a file of `size` bytes or so, and close it. `isExpected` tells whether it is still in the state that the caller knows; if
   * it is not when it has been read, it is read once more, and what that gives is kept.
   *
   * @throws the error of the operating system if it cannot be read.
   */
  read(file: SourceFile, size: number, isExpected: (stat: FileStat) => boolean): ReadFile {
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
      this.#chunks(file, Infinity, {
        chunk: (start, end) => onCut((position += end - start)),
        zeros: (count) => {
          for (let at = 0; at < count; at++) onCut((position += this.#chunker.zeroLength));
        },
      });
      return position;
    } finally {
      file.close();
    }
  }

  /** Store one chunk of a file by its place; shorter if the file has become so. The id, or none of nothing, is good after `finish`. */
  readRange(
    file: SourceFile,
    offset: number,
    length: number,
  ): { ids: readonly string[]; size: number } {
    const { memory, zeroLength } = this.#chunker;
    if (length === zeroLength && file.holeEnd(offset) >= offset + length) {
      return { ids: [this.#saveZeros()], size: length };
    }
    if (length > memory.length - this.#free) this.finish();
    const start = this.#free;
    let size = 0;
    while (size < length) {
      const count = file.read(memory, start + size, length - size, offset + size);
      if (count === 0) break;
      size += count;
    }
    const ids: string[] = [];
    if (size > 0) this.#save(start, start + size, ids);
    return { ids, size };
  }

  /** Store what has been read and is not stored yet. Then all ids that were returned are good. */
  finish(): void {
    this.#free = 0;
    this.#held.flush();
  }

  #save(start: number, end: number, ids: string[]): void {
    this.#held.add(this.#chunker.memory.subarray(start, end), ids);
    this.#free = this.#held.isEmpty ? 0 : end;
  }

  /** The id of a chunk of zeros. */
  #saveZeros(): string {
    this.#zeroId ??= this.#store.save(new Uint8Array(this.#chunker.zeroLength));
    return this.#zeroId;
  }

  #readAgain(file: SourceFile): ReadFile {
    const before = file.stat();
    const { ids, size } = this.#readOnce(file, before.size);
    const after = file.stat();
    const unstable =
      after.size !== size ||
      after.mtimeSeconds !== before.mtimeSeconds ||
      after.mtimeNanoseconds !== before.mtimeNanoseconds;
    return { ids, size, stat: { ...before, size }, unstable };
  }

  #readOnce(file: SourceFile, expectedSize: number): { ids: string[]; size: number } {
    const ids: string[] = [];
    let size = 0;
    this.#chunks(file, expectedSize, {
      chunk: (start, end) => {
        this.#save(start, end, ids);
        size += end - start;
      },
      zeros: (count) => {
        const id = this.#saveZeros();
        for (let at = 0; at < count; at++) ids.push(id);
        size += count * this.#chunker.zeroLength;
      },
    });
    return { ids, size };
  }

  /**
   * Tell `visitor` of each chunk. What lies in holes is not read: the zeros are written into the memory, or, where whole chunks
   * consist of them, not even that. A read that ends
   * exactly at `expectedSize` is taken for the end of the file without asking again: whoever expects a size checks the state
   * afterwards.
   */
  #chunks(file: SourceFile, expectedSize: number, visitor: ChunkVisitor): void {
    const { memory, zeroLength } = this.#chunker;
    const mayHaveHoles = expectedSize >= LEAST_WITH_HOLES;
    // The file before may have ended in an error.
    this.#chunker.reset();
    let start = this.#free;
    let end = start;
    let position = 0;
    let isEnd = expectedSize === 0;
    // From here on the memory holds but zeros of the hole that `position` lies in.
    let zerosAt = Infinity;
    for (;;) {
      const cut = end > start || isEnd ? this.#chunker.cut(start, end, isEnd) : -1;
      if (cut > start) {
        throwIfStopped();
        visitor.chunk(start, cut);
        start = cut;
        if (start >= zerosAt) {
          // They are taken back: perhaps the next chunks consist of nothing else.
          position -= end - start;
          end = start;
          zerosAt = Infinity;
          this.#chunker.reset();
        }
        continue;
      }
      if (isEnd) return;
      const hole = mayHaveHoles ? file.holeEnd(position) - position : 0;
      if (start === end && hole >= zeroLength) {
        const count = Math.floor(hole / zeroLength);
        visitor.zeros(count);
        position += count * zeroLength;
        continue;
      }
      if (memory.length - end < READ_SIZE) {
        this.finish();
        memory.copyWithin(0, start, end);
        end -= start;
        zerosAt -= start;
        start = 0;
      }
      const room = Math.min(READ_SIZE, memory.length - end);
      if (hole > 0) {
        const count = Math.min(room, hole);
        memory.fill(0, end, end + count);
        zerosAt = Math.min(zerosAt, end);
        end += count;
        position += count;
        continue;
      }
      zerosAt = Infinity;
      const count = file.read(memory, end, room, position);
      end += count;
      position += count;
      isEnd = count === 0 || (position === expectedSize && count < room);
    }
  }
}
