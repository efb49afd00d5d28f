import type { Readable } from "node:stream";

import type { OnBytes } from "@tsbak/core";

/** Tells of each piece that comes from a stream, and lets no more come while one is held back. */
export class PieceReport {
  readonly #stream: Readable;
  readonly #onBytes: OnBytes | undefined;
  #released: Promise<void> = Promise.resolve();

  constructor(stream: Readable, onBytes: OnBytes | undefined) {
    this.#stream = stream;
    this.#onBytes = onBytes;
  }

  /** A piece has come. `fail` is told if whoever holds it back wants no more. */
  tell(count: number, fail: (error: unknown) => void): void {
    const held = this.#onBytes?.(count);
    if (held === undefined) return;
    this.#stream.pause();
    this.#released = held.then(() => void this.#stream.resume());
    this.#released.catch(fail);
  }

  /** Resolves when nothing is held back any more; the end of a stream does not wait for that. */
  released(): Promise<void> {
    return this.#released;
  }
}
