import type { BlobType } from "../format/blob-type.ts";
import { encodePackHeader, type PackEntry } from "../format/pack-header.ts";
import { Sealer, SEAL_OVERHEAD } from "../crypto/sealer.ts";
import type { MasterKey } from "../crypto/master-key.ts";
import { sha256Hex } from "../crypto/sha256.ts";

/** A pack ready to be stored. */
export interface FinishedPack {
  /** SHA-256 of `bytes`, 64 hex digits. */
  readonly name: string;
  /** The whole file. Owns its ArrayBuffer, which may be longer than the file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Plain header entries (restic format, section 5): compact, and all that an index needs. */
  readonly header: Uint8Array<ArrayBuffer>;
}

/** A pack holds 409,199 entries at the most; no pack of ours comes near. */
const MAX_ENTRIES = 100_000;
const MAX_BLOB_SIZE = 8 << 20;
const HEADER_RESERVE = 1 << 20;

/**
 * One pack under construction (restic format, section 5): sealed blobs one after another without gaps, then the
 * sealed header and its length. Used again for the next pack after `finish`.
 */
export class PackBuilder {
  readonly #targetSize: number;
  readonly #spare: ArrayBuffer[];
  readonly #sealer: Sealer;
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #size = 0;
  #entries: PackEntry[] = [];

  /**
   * `targetSize` in bytes: the pack is full when it has reached that. Memory is taken from `spare` while there is
   * some: pages that were used before cost the kernel nothing.
   */
  constructor(key: MasterKey, targetSize: number, spare: ArrayBuffer[] = []) {
    // A sealer of its own keeps the IVs of neighbouring blobs consecutive, which makes reading packs cheaper.
    this.#sealer = new Sealer(key);
    this.#targetSize = targetSize;
    this.#spare = spare;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  get isFull(): boolean {
    return this.#size >= this.#targetSize || this.#entries.length >= MAX_ENTRIES;
  }

  /** Bytes of sealed blobs so far. */
  get size(): number {
    return this.#size;
  }

  get entries(): readonly PackEntry[] {
    return this.#entries;
  }

  /**
   * Seal and append one blob and return its sealed length. `id` (32 bytes) is copied. `stored` is the plain or compressed
   * form; `uncompressedLength` is 0 for the plain one.
   */
  add(type: BlobType, id: Uint8Array, stored: Uint8Array, uncompressedLength: number): number {
    const length = stored.length + SEAL_OVERHEAD;
    const bytes = this.#reserve(length);
    this.#sealer.sealInto(stored, bytes, this.#size);
    this.#push(type, id, length, uncompressedLength);
    return length;
  }

  /** Append a blob that was sealed for another pack of the same repository: it is valid as it is. */
  addSealed(sealed: Uint8Array, entry: PackEntry): void {
    this.#reserve(sealed.length).set(sealed, this.#size);
    this.#push(entry.type, entry.id, sealed.length, entry.uncompressedLength);
  }

  /** The sealed bytes of an entry that was added, valid until the next call. */
  sealedBytes(entry: PackEntry): Uint8Array {
    if (this.#bytes === undefined) throw new Error("sealedBytes() assumes a pack with entries");
    return this.#bytes.subarray(entry.offset, entry.offset + entry.length);
  }

  /** Close the pack. The builder is empty afterwards and may be filled again. */
  finish(): FinishedPack {
    const header = encodePackHeader(this.#entries);
    const bytes = this.#reserve(header.length + SEAL_OVERHEAD + 4);
    const sealedLength = this.#sealer.sealInto(header, bytes, this.#size);
    const end = this.#size + sealedLength;
    new DataView(bytes.buffer).setUint32(end, sealedLength, true);
    const file = bytes.subarray(0, end + 4);
    this.#reset();
    return { name: sha256Hex(file), bytes: file, header };
  }

  /** Take the blobs out without closing the pack, to be merged into others. The builder is empty afterwards. */
  takeBlobs(): { bytes: Uint8Array<ArrayBuffer>; entries: PackEntry[] } {
    const taken = { bytes: this.#reserve(0).subarray(0, this.#size), entries: this.#entries };
    this.#reset();
    return taken;
  }

  #push(type: BlobType, id: Uint8Array, length: number, uncompressedLength: number): void {
    this.#entries.push({ type, id: id.slice(), offset: this.#size, length, uncompressedLength });
    this.#size += length;
  }

  #reset(): void {
    this.#bytes = undefined;
    this.#size = 0;
    this.#entries = [];
  }

  #capacity(needed: number): number {
    return Math.max(this.#targetSize, needed) + MAX_BLOB_SIZE + HEADER_RESERVE;
  }

  /** Room for `length` more bytes. Memory that is never written to costs address space only. */
  #reserve(length: number): Uint8Array<ArrayBuffer> {
    const needed = this.#size + length;
    if (this.#bytes !== undefined && this.#bytes.length >= needed) return this.#bytes;
    const old = this.#bytes;
    this.#bytes = this.#allocate(this.#capacity(needed));
    if (old !== undefined) this.#bytes.set(old.subarray(0, this.#size));
    return this.#bytes;
  }

  #allocate(size: number): Uint8Array<ArrayBuffer> {
    const spare = this.#spare.pop();
    if (spare !== undefined && spare.byteLength >= size) return new Uint8Array(spare);
    // Unlike `new Uint8Array`, this memory is not zeroed, so its pages are only touched when they are used.
    return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  }
}
