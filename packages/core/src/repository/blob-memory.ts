import type { Zstd } from "../compress/zstd.ts";
import type { Opener } from "../crypto/opener.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { TsbakError } from "../errors.ts";

/** Bytes before the ciphertext of a sealed blob. */
const IV_SIZE = 16;
/** Blobs of every usual chunker fit; memory for a longer one is not kept. */
const KEPT_SIZE = 8 << 20;

/** Opens blobs without new memory for each: a restore opens a hundred thousand, one after another. */
export class BlobMemory {
  readonly #opener: Opener;
  readonly #zstd: Zstd;
  #memory = new Uint8Array(1 << 20);
  #scratch = new Uint8Array(1 << 16);

  constructor(opener: Opener, zstd: Zstd) {
    this.#opener = opener;
    this.#zstd = zstd;
  }

  /**
   * The plain bytes of a blob. They are a view, good until the next call, and `sealed` is overwritten.
   *
   * @throws {TsbakError} `corrupt` unless it authenticates, decompresses to its exact length (0: it is not compressed)
   * and has the hash `id`.
   */
  open(sealed: Uint8Array<ArrayBuffer>, uncompressedLength: number, id: string): Uint8Array {
    const stored = this.#opener.openInto(sealed, sealed.subarray(IV_SIZE));
    const plain = uncompressedLength === 0 ? stored : this.#decompress(stored, uncompressedLength);
    if (sha256Hex(plain) === id) return plain;
    throw new TsbakError(
      "corrupt",
      `Cannot read blob ${id.slice(0, 8)}: its contents have another hash`,
    );
  }

  /** Memory for a sealed blob that is to be opened next; good until the next call. */
  scratch(length: number): Uint8Array<ArrayBuffer> {
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(2 * length);
    return this.#scratch.subarray(0, length);
  }

  #decompress(stored: Uint8Array, length: number): Uint8Array {
    const memory = this.#reserve(length).subarray(0, length);
    this.#zstd.decompressInto(stored, memory);
    return memory;
  }

  #reserve(length: number): Uint8Array {
    if (this.#memory.length >= length) return this.#memory;
    const memory = new Uint8Array(length > KEPT_SIZE ? length : KEPT_SIZE);
    if (length <= KEPT_SIZE) this.#memory = memory;
    return memory;
  }
}
