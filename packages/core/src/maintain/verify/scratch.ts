import { pageMemory } from "../../bytes/page-memory.ts";
import { TsbakError } from "../../errors.ts";

/** No blob is as large; an index may say anything. */
const MAX_SIZE = 2 ** 30;
const STEP = 2 ** 18;

/** Memory that is used over and over: fresh memory costs more than hashing what is put there. */
export class Scratch {
  #bytes = new Uint8Array(0);

  /**
   * At least `size` bytes that begin with a page, with anything in them, valid until the next call.
   *
   * @throws {TsbakError} `corrupt` for more than any blob needs.
   */
  atLeast(size: number): Uint8Array<ArrayBuffer> {
    if (size > MAX_SIZE) {
      throw new TsbakError("corrupt", `Cannot read blob: ${size} bytes are too many`);
    }
    if (this.#bytes.length < size) {
      this.#bytes = pageMemory(Math.ceil(size / STEP) * STEP);
    }
    return this.#bytes;
  }
}
