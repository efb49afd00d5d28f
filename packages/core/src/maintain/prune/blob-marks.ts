/** A byte for each index entry, in memory that all threads share. Address space is reserved for so many, memory is not. */
const MAX_ENTRIES = 1 << 26;
const GROWTH = 1 << 16;
const MARKED = 1;
/** A tree that was read after it was marked. */
const READ = 2;

/** Memory for marks, to be posted to a worker thread. */
export function createMarks(entries: number): SharedArrayBuffer {
  const size = Math.max(Math.ceil(entries / GROWTH), 1) * GROWTH;
  return new SharedArrayBuffer(size, { maxByteLength: Math.max(MAX_ENTRIES, size) });
}

/**
 * Which blobs are used, by the number of the index entry that `find` gives: the first of a blob's copies. One thread's access; only one
 * thread may call `reserve`.
 */
export class BlobMarks {
  readonly #shared: SharedArrayBuffer;
  #marks: Uint8Array;

  constructor(shared: SharedArrayBuffer) {
    this.#shared = shared;
    this.#marks = this.#view();
  }

  /** Have room for so many entries. */
  reserve(entries: number): void {
    if (entries > this.#shared.byteLength) {
      this.#shared.grow(Math.ceil(entries / GROWTH) * GROWTH);
    }
  }

  has(entry: number): boolean {
    if (entry >= this.#marks.length) this.#marks = this.#view();
    return (this.#marks[entry] ?? 0) !== 0;
  }

  /** True for exactly one caller. */
  mark(entry: number): boolean {
    return !this.has(entry) && Atomics.compareExchange(this.#marks, entry, 0, MARKED) === 0;
  }

  /** Note that a tree was read, and what it refers to marked. */
  noteRead(entry: number): void {
    if (this.has(entry)) this.#marks[entry] = READ;
  }

  /** True for a tree of which `noteRead` was told. */
  isRead(entry: number): boolean {
    return this.has(entry) && this.#marks[entry] === READ;
  }

  /** A view of fixed length: one that follows a growing buffer asks for its length at each access. */
  #view(): Uint8Array {
    return new Uint8Array(this.#shared, 0, this.#shared.byteLength);
  }
}
