import { SEAL_OVERHEAD } from "../../crypto/sealer.ts";
import { ROOM_AFTER_MESSAGE, type GroupHasher } from "../../crypto/sha256-group.ts";
import { SHA256_SIZE } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import { fromHex } from "../../bytes/hex.ts";
import type { BlobType } from "../../format/blob-type.ts";
import type { BlobEncoder } from "../../repository/blob-encoder.ts";
import type { SharedIndexView } from "../../repository/shared-index.ts";
import type { AddedBlob, FinishedPack, OpenPacks } from "../../repository/open-packs.ts";
import type { BlobOpener } from "../../repository/read-blob.ts";
import { throwIfStopped } from "../../workers/serve-tasks.ts";
import type { PackSource } from "../verify/pack-source.ts";
import type { Scratch } from "../verify/scratch.ts";
import type { Recompression } from "./transfer-protocol.ts";

/** What one thread moves blobs with. */
export interface MoverTools extends BlobOpener {
  readonly index: SharedIndexView;
  readonly hasher: GroupHasher;
  readonly encoder: BlobEncoder;
  readonly packs: Readonly<Record<BlobType, OpenPacks>>;
  readonly sharesKey: boolean;
  readonly version: 1 | 2;
  readonly recompress: Recompression;
  /** Memory for one blob as it is stored, and for the contents of a group. */
  readonly stored: Scratch;
  readonly plain: Scratch;
  readonly onPack: (type: BlobType, pack: FinishedPack) => void;
}

/** Blobs are read, opened and hashed in groups of about so many bytes, which stay in the processor's cache. */
const GROUP_SIZE = 4 << 20;
/** More than this is not read along between two blobs. */
const LARGEST_GAP = 128 << 10;
/** Bytes before the ciphertext of a sealed blob. */
const IV_SIZE = 16;

/** A blob that could be opened, and where its contents lie in the group's memory. */
interface Opened {
  readonly entry: number;
  readonly sealed: Uint8Array<ArrayBuffer>;
  readonly start: number;
  readonly length: number;
}

/** Takes blobs out of packs and puts them into the target's open packs. For one thread. */
export class BlobMover {
  readonly #tools: MoverTools;

  constructor(tools: MoverTools) {
    this.#tools = tools;
  }

  /**
   * Move blobs, given by their index entries in the order of their offsets. What does not open, or has another hash, is not moved, and
   * its entries are returned.
   */
  move(source: PackSource, entries: Uint32Array): number[] {
    const damaged: number[] = [];
    for (let at = 0; at < entries.length;) {
      throwIfStopped();
      const end = this.#endOfGroup(entries, at);
      this.#moveGroup(source, entries.subarray(at, end), damaged);
      at = end;
    }
    return damaged;
  }

  /** Store the contents of an entry, which were read and hashed elsewhere. */
  store(entry: number, plain: Uint8Array): void {
    const type = this.#typeOf(entry);
    this.#add(type, this.#encoded(type, this.#idOf(entry), plain));
  }

  #endOfGroup(entries: Uint32Array, first: number): number {
    const { index } = this.#tools;
    let size = 0;
    let end = index.offsetAt(entries[first] as number);
    for (let at = first; at < entries.length; at++) {
      const entry = entries[at] as number;
      const offset = index.offsetAt(entry);
      size += Math.max(this.#plainLength(entry), index.lengthAt(entry));
      if (at > first && (size > GROUP_SIZE || offset - end > LARGEST_GAP)) return at;
      end = offset + index.lengthAt(entry);
    }
    return entries.length;
  }

  #moveGroup(source: PackSource, entries: Uint32Array, damaged: number[]): void {
    const { index, hasher } = this.#tools;
    const start = index.offsetAt(entries[0] as number);
    const last = entries.at(-1) as number;
    const bytes = source.read(start, index.offsetAt(last) + index.lengthAt(last));
    const plain = this.#roomFor(entries, damaged);
    if (plain === undefined) return;
    const opened = this.#openAll(entries, bytes, start, plain, damaged);
    const digests = new Uint8Array(opened.length * SHA256_SIZE);
    hasher.hash({ memory: plain, messages: opened }, digests);
    opened.forEach((blob, at) => {
      const id = digests.subarray(at * SHA256_SIZE, (at + 1) * SHA256_SIZE);
      if (index.hasIdAt(blob.entry, id)) this.#put(blob, id, plain);
      else damaged.push(blob.entry);
    });
  }

  /** Undefined for a blob, alone in its group, of which the index promises more than any memory holds. */
  #roomFor(entries: Uint32Array, damaged: number[]): Uint8Array<ArrayBuffer> | undefined {
    let size = 0;
    for (const entry of entries) size += this.#plainLength(entry) + ROOM_AFTER_MESSAGE;
    let memory: Uint8Array<ArrayBuffer> | undefined;
    for (const entry of entries) {
      if (memory !== undefined) break;
      if (!this.#isOpened(() => (memory = this.#tools.plain.atLeast(size)))) damaged.push(entry);
    }
    return memory;
  }

  #openAll(
    entries: Uint32Array,
    bytes: Uint8Array<ArrayBuffer>,
    start: number,
    plain: Uint8Array<ArrayBuffer>,
    damaged: number[],
  ): Opened[] {
    const { index } = this.#tools;
    const opened: Opened[] = [];
    let at = 0;
    for (const entry of entries) {
      const from = index.offsetAt(entry) - start;
      const sealed = bytes.subarray(from, from + index.lengthAt(entry));
      const length = this.#plainLength(entry);
      const place = plain.subarray(at, at + length);
      if (this.#isOpened(() => this.#open(entry, sealed, place))) {
        opened.push({ entry, sealed, start: at, length });
      } else damaged.push(entry);
      at += length + ROOM_AFTER_MESSAGE;
    }
    return opened;
  }

  /** Where the key changes, `sealed` holds the stored form in place of the ciphertext afterwards. */
  #open(entry: number, sealed: Uint8Array<ArrayBuffer>, plain: Uint8Array<ArrayBuffer>): void {
    const { index, opener, zstd, sharesKey, stored: scratch } = this.#tools;
    const isPlain = index.uncompressedLengthAt(entry) === 0;
    if (isPlain && sharesKey) {
      opener.openInto(sealed, plain);
      return;
    }
    const out = sharesKey ? scratch.atLeast(sealed.length) : sealed.subarray(IV_SIZE);
    const stored = opener.openInto(sealed, out);
    if (isPlain) plain.set(stored);
    else zstd.decompressInto(stored, plain);
  }

  #put(blob: Opened, id: Uint8Array, memory: Uint8Array): void {
    const { index, packs, sharesKey } = this.#tools;
    const { entry, sealed } = blob;
    const type = this.#typeOf(entry);
    const uncompressedLength = index.uncompressedLengthAt(entry);
    if (this.#isEncodedAnew(type, uncompressedLength)) {
      const plain = memory.subarray(blob.start, blob.start + blob.length);
      this.#add(type, this.#encoded(type, id, plain));
    } else if (sharesKey) {
      this.#add(type, packs[type].addSealed({ type, id, sealed, uncompressedLength }));
    } else {
      const stored = sealed.subarray(IV_SIZE, sealed.length - (SEAL_OVERHEAD - IV_SIZE));
      this.#add(type, packs[type].add({ type, id, stored, uncompressedLength }));
    }
  }

  /** Version 1 has nothing compressed; from version 2 on restic's prune would pack trees anew that are not. */
  #isEncodedAnew(type: BlobType, uncompressedLength: number): boolean {
    const { version, recompress } = this.#tools;
    if (version === 1) return uncompressedLength !== 0;
    return uncompressedLength === 0 && (type === "tree" || recompress !== "none");
  }

  #encoded(type: BlobType, id: Uint8Array, plain: Uint8Array): AddedBlob {
    const { encoder, packs } = this.#tools;
    return packs[type].add({ type, id, ...encoder.encode(type, plain) });
  }

  #add(type: BlobType, { finished }: AddedBlob): void {
    if (finished !== undefined) this.#tools.onPack(type, finished);
  }

  #typeOf(entry: number): BlobType {
    return this.#tools.index.isTreeAt(entry) ? "tree" : "data";
  }

  #idOf(entry: number): Uint8Array {
    return fromHex(this.#tools.index.idAt(entry));
  }

  #plainLength(entry: number): number {
    const { index } = this.#tools;
    const length = index.uncompressedLengthAt(entry);
    return length === 0 ? Math.max(index.lengthAt(entry) - SEAL_OVERHEAD, 0) : length;
  }

  #isOpened(open: () => unknown): boolean {
    try {
      open();
      return true;
    } catch (error) {
      if (!isTsbakError(error, "corrupt")) throw error;
      return false;
    }
  }
}
