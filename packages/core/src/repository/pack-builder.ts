import type { BlobType } from "../format/blob-type.ts";
import { encodePackHeader, type PackEntry } from "../format/pack-header.ts";
import { Sealer } from "../crypto/sealer.ts";
import type { MasterKey } from "../crypto/master-key.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import type { PackMemory, PackSlot } from "./pack-memory.ts";

/** A pack ready to be stored. */
export interface FinishedPack {
  /** SHA-256 of `bytes`, 64 hex digits. */
  readonly name: string;
  /** The whole file, a view of its slot's memory. */
  readonly bytes: Uint8Array;
  /** The slot to be given back when the pack is stored. */
  readonly slot: number;
  /** Plain header entries (restic format, section 5): compact, and all that an index needs. */
  readonly header: Uint8Array;
}

/** Sealed blobs of a pack that was never closed, and where each lies in `bytes`. */
export interface LooseBlobs {
  readonly bytes: Uint8Array;
  readonly slot: number;
  readonly entries: readonly PackEntry[];
}

/** What the reserve for headers in a slot is made for. The format would allow four times as many. */
const MAX_ENTRIES = 100_000;

/**
 * One pack under construction (restic format, section 5): sealed blobs one after another without gaps, then the
 * sealed header and its length. Used again for the next pack after `finish`.
 */
export class PackBuilder {
  readonly #targetSize: number;
  readonly #memory: PackMemory;
  readonly #sealer: Sealer;
  #slot: PackSlot | undefined;
  #size = 0;
  #entries: PackEntry[] = [];

  /** `targetSize` in bytes: the pack is full when it has reached that. */
  constructor(key: MasterKey, targetSize: number, memory: PackMemory) {
    // A sealer of its own keeps the IVs of neighbouring blobs consecutive, which makes reading packs cheaper.
    this.#sealer = new Sealer(key);
    this.#targetSize = targetSize;
    this.#memory = memory;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  get isFull(): boolean {
    return this.#size >= this.#targetSize || this.#entries.length >= MAX_ENTRIES;
  }

  /**
   * Seal and append one blob and return its sealed length. `id` (32 bytes) is copied. `stored` is the plain or compressed
   * form; `uncompressedLength` is 0 for the plain one.
   */
  add(type: BlobType, id: Uint8Array, stored: Uint8Array, uncompressedLength: number): number {
    const length = this.#sealer.sealInto(stored, this.#bytes(), this.#size);
    this.#push(type, id, length, uncompressedLength);
    return length;
  }

  /** Append a blob that was sealed for another pack of the same repository: it is valid as it is. */
  addSealed(sealed: Uint8Array, entry: PackEntry): void {
    this.#bytes().set(sealed, this.#size);
    this.#push(entry.type, entry.id, sealed.length, entry.uncompressedLength);
  }

  /** Close the pack. The builder is empty afterwards and may be filled again. */
  finish(): FinishedPack {
    const header = encodePackHeader(this.#entries);
    const bytes = this.#bytes();
    const sealedLength = this.#sealer.sealInto(header, bytes, this.#size);
    const end = this.#size + sealedLength;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(end, sealedLength, true);
    const file = bytes.subarray(0, end + 4);
    const { slot } = this.takeBlobs();
    return { name: sha256Hex(file), bytes: file, slot, header };
  }

  /** Take the blobs out without closing the pack, to be merged into others. The builder is empty afterwards. */
  takeBlobs(): LooseBlobs {
    const bytes = this.#bytes().subarray(0, this.#size);
    const taken = { bytes, slot: this.#slot?.number ?? -1, entries: this.#entries };
    this.#slot = undefined;
    this.#size = 0;
    this.#entries = [];
    return taken;
  }

  #bytes(): Uint8Array {
    this.#slot ??= this.#memory.acquire();
    return this.#slot.bytes;
  }

  #push(type: BlobType, id: Uint8Array, length: number, uncompressedLength: number): void {
    this.#entries.push({ type, id: id.slice(), offset: this.#size, length, uncompressedLength });
    this.#size += length;
  }
}
