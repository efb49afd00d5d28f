import { pageMemory } from "../bytes/page-memory.ts";
import type { Zstd } from "../compress/zstd.ts";
import type { Opener } from "../crypto/opener.ts";
import { SEAL_OVERHEAD } from "../crypto/sealer.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { TsbakError } from "../errors.ts";
import { DIRECT_BLOCK } from "../fs/direct-write.ts";

/** Bytes before the ciphertext of a sealed blob. */
const IV_SIZE = 16;
/** Room before a blob, so that it can begin anywhere in a block. */
const ROOM_BEFORE = DIRECT_BLOCK;
/** Blobs of every usual chunker fit; memory for a longer one is not kept. */
const KEPT_SIZE = (8 << 20) + 2 * ROOM_BEFORE;

/** Opens blobs without new memory for each: a restore opens a hundred thousand, one after another. */
export class BlobMemory {
  readonly #opener: Opener;
  readonly #zstd: Zstd;
  #memory = pageMemory(1 << 20);
  #scratch = new Uint8Array(1 << 16);

  constructor(opener: Opener, zstd: Zstd) {
    this.#opener = opener;
    this.#zstd = zstd;
  }

  /**
   * The plain bytes of a blob. They are a view, good until the next call, and `sealed` is overwritten. They begin `shift`
   * bytes after a page begins, fewer than `DIRECT_BLOCK`.
   *
   * @throws {TsbakError} `corrupt` unless it authenticates, decompresses to its exact length (0: it is not compressed)
   * and has the hash `id`.
   */
  open(
    sealed: Uint8Array<ArrayBuffer>,
    uncompressedLength: number,
    id: string,
    shift = 0,
  ): Uint8Array<ArrayBuffer> {
    const length = uncompressedLength || Math.max(sealed.length - SEAL_OVERHEAD, 0);
    const plain = this.#reserve(shift + length).subarray(shift, shift + length);
    if (uncompressedLength === 0) this.#opener.openInto(sealed, plain);
    else this.#zstd.decompressInto(this.#openInPlace(sealed), plain);
    if (sha256Hex(plain) === id) return plain;
    throw new TsbakError(
      "corrupt",
      `Cannot read blob ${id.slice(0, 8)}: its contents have another hash`,
    );
  }

  /** What `open` returned, moved so that it begins `shift` bytes after a page begins. Only the new view is good then. */
  move(plain: Uint8Array<ArrayBuffer>, shift: number): Uint8Array<ArrayBuffer> {
    if (plain.byteOffset === shift) return plain;
    const end = plain.byteOffset + plain.length;
    const memory = new Uint8Array(plain.buffer).copyWithin(shift, plain.byteOffset, end);
    return memory.subarray(shift, shift + plain.length);
  }

  /** Memory for a sealed blob that is to be opened next; good until the next call. */
  scratch(length: number): Uint8Array<ArrayBuffer> {
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(2 * length);
    return this.#scratch.subarray(0, length);
  }

  #openInPlace(sealed: Uint8Array<ArrayBuffer>): Uint8Array {
    return this.#opener.openInto(sealed, sealed.subarray(IV_SIZE));
  }

  /** At least `length` bytes, and room to move what is in them. */
  #reserve(length: number): Uint8Array<ArrayBuffer> {
    const size = length + ROOM_BEFORE;
    if (this.#memory.length >= size) return this.#memory;
    const memory = pageMemory(Math.max(size, KEPT_SIZE));
    if (size <= KEPT_SIZE) this.#memory = memory;
    return memory;
  }
}
