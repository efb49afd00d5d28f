import { pageMemory } from "../../bytes/page-memory.ts";
import { releaseMemory } from "../../bytes/release-memory.ts";
import { TsbakError } from "../../errors.ts";

/** No blob is as large; an index may say anything. */
const MAX_SIZE = 2 ** 30;
const STEP = 2 ** 18;

/** Memory that is used over and over: fresh memory costs more than hashing what is put there. */
export class Scratch {
  readonly #kept: number;
  #bytes = new Uint8Array(0);

  /** What is larger than `kept` bytes is let go of when less is asked for. */
  constructor(kept: number = Infinity) {
    this.#kept = Math.ceil(kept / STEP) * STEP;
  }

  /**
   * At least `size` bytes that begin with a page, with anything in them, valid until the next call.
   *
   * @throws {TsbakError} `corrupt` for more than any blob needs.
   */
  atLeast(size: number): Uint8Array<ArrayBuffer> {
    if (size > MAX_SIZE) {
      throw new TsbakError("corrupt", `Cannot read blob: ${size} bytes are too many`);
    }
    const wanted = Math.ceil(size / STEP) * STEP;
    const isTooLarge = this.#bytes.length > this.#kept && wanted <= this.#kept;
    if (this.#bytes.length < size || isTooLarge) {
      releaseMemory(this.#bytes.buffer);
      this.#bytes = pageMemory(isTooLarge ? this.#kept : wanted);
    }
    return this.#bytes;
  }
}
