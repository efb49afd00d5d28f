/**
 * Memory that is used again and again for pieces of different sizes. New memory for each would wait for the garbage
 * collector; this keeps what most pieces need, and gives back what only rare long ones did.
 */
export class ElasticMemory {
  readonly #kept: number;
  readonly #buffer: ArrayBuffer;

  /** `kept` and `longest` in bytes. Neither costs anything before it is used. */
  constructor(kept: number, longest: number) {
    this.#kept = kept;
    this.#buffer = new ArrayBuffer(kept, { maxByteLength: longest });
  }

  /** Room for `size` bytes, whose contents are undefined; the next call takes it back. */
  take(size: number): Uint8Array<ArrayBuffer> {
    if (size > this.#buffer.maxByteLength) return new Uint8Array(size);
    const length = Math.max(size, this.#kept);
    if (length !== this.#buffer.byteLength) this.#buffer.resize(length);
    return new Uint8Array(this.#buffer, 0, size);
  }
}
