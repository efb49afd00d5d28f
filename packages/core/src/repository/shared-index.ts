import type { BlobType } from "../format/blob-type.ts";
import { toHex } from "../bytes/hex.ts";
import { SEAL_OVERHEAD } from "../crypto/sealer.ts";

/** The buffers of an index, to be posted to a worker thread and opened there with `SharedIndexView`. */
export interface SharedBlobIndex {
  readonly ids: SharedArrayBuffer;
  readonly places: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly seed: number;
}

/** 32-bit words of a blob's id. */
export const ID_WORDS: number = 8;
/** 32-bit words of a blob's place: of its pack and type, its offset, its length and its plain length. */
export const PLACE_WORDS: number = 4;

/** Mixes two words of an id with a secret of this process, so that nobody can choose ids that collide. */
export function slotHash(first: number, second: number, seed: number): number {
  const mixed = Math.imul(first ^ seed, 0x9e3779b1) ^ Math.imul(second + seed, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/**
 * What the contents of a blob have in bytes. `uncompressedLength` is 0 if it is not compressed; then it is `length` without its seal, and 0 where an
 * index says less than a seal takes, which does not open.
 */
export function plainLengthOf(length: number, uncompressedLength: number): number {
  return uncompressedLength || Math.max(length - SEAL_OVERHEAD, 0);
}

/** Read-only look-ups in a shared index, for any thread. */
export class SharedIndexView {
  protected ids!: Uint32Array;
  protected places!: Uint32Array;
  protected slots: Uint32Array;
  protected readonly seed: number;
  readonly #buffers: Pick<SharedBlobIndex, "ids" | "places">;
  readonly #key = new Uint32Array(ID_WORDS);
  readonly #keyBytes = new Uint8Array(this.#key.buffer);

  constructor(shared: SharedBlobIndex) {
    this.#buffers = { ids: shared.ids, places: shared.places };
    this.slots = new Uint32Array(shared.slots);
    this.seed = shared.seed;
    this.viewEntries();
  }

  /** True if the index knows the blob whose 32-byte id stands at `at` in `bytes`. */
  has(type: BlobType, bytes: Uint8Array, at = 0): boolean {
    return this.find(type, bytes, at) >= 0;
  }

  /** The entry number of the first copy of a blob, or -1. */
  find(type: BlobType, bytes: Uint8Array, at = 0): number {
    this.loadKey(bytes, at);
    return this.probe(type, this.firstSlot());
  }

  /** The entry numbers of all copies of a blob. */
  findAll(type: BlobType, bytes: Uint8Array, at = 0): number[] {
    this.loadKey(bytes, at);
    const found: number[] = [];
    const mask = this.slots.length - 1;
    const typeBit = type === "tree" ? 1 : 0;
    for (let slot = this.firstSlot(); ; slot = (slot + 1) & mask) {
      const entry = Atomics.load(this.slots, slot) - 1;
      if (entry < 0) return found;
      if ((this.placeWord(entry, 0) & 1) === typeBit && this.isKey(entry)) found.push(entry);
    }
  }

  /** True if the blob of entry number `entry` has other copies. */
  isRepeatedAt(entry: number): boolean {
    const id = new Uint8Array(this.ids.buffer, entry * 32, 32);
    return this.findAll(this.isTreeAt(entry) ? "tree" : "data", id).length > 1;
  }

  /** What `find` gives for the blob of entry number `entry`: the copy that was added first. */
  firstCopyOf(entry: number): number {
    const words = entry * ID_WORDS;
    if (words >= this.ids.length) this.viewEntries();
    for (let i = 0; i < ID_WORDS; i++) this.#key[i] = this.ids[words + i] as number;
    return this.probe(this.isTreeAt(entry) ? "tree" : "data", this.firstSlot());
  }

  /** True if the 32 bytes at `at` in `bytes` are the id of entry number `entry`. */
  hasIdAt(entry: number, bytes: Uint8Array, at = 0): boolean {
    this.loadKey(bytes, at);
    return this.isKey(entry);
  }

  /** Hex id of entry number `entry`. */
  idAt(entry: number): string {
    return toHex(new Uint8Array(this.ids.buffer, entry * 32, 32));
  }

  /** True if entry number `entry` is a tree. */
  isTreeAt(entry: number): boolean {
    return (this.placeWord(entry, 0) & 1) === 1;
  }

  /** Number of the pack that holds entry number `entry`, as the main thread's `BlobIndex` counts them. */
  packNumberAt(entry: number): number {
    return this.placeWord(entry, 0) >>> 1;
  }

  offsetAt(entry: number): number {
    return this.placeWord(entry, 1);
  }

  /** Sealed length inside the pack. */
  lengthAt(entry: number): number {
    return this.placeWord(entry, 2);
  }

  /** Plain length; 0 if the blob is not compressed. */
  uncompressedLengthAt(entry: number): number {
    return this.placeWord(entry, 3);
  }

  /** See `plainLengthOf`. */
  plainLengthAt(entry: number): number {
    return plainLengthOf(this.lengthAt(entry), this.uncompressedLengthAt(entry));
  }

  /**
   * See all entries that there are by now. The views have a fixed length: those that follow a growing buffer ask for its
   * length at each access.
   */
  protected viewEntries(): void {
    const { ids, places } = this.#buffers;
    this.ids = new Uint32Array(ids, 0, ids.byteLength / 4);
    this.places = new Uint32Array(places, 0, places.byteLength / 4);
  }

  protected placeWord(entry: number, word: number): number {
    const at = entry * PLACE_WORDS + word;
    if (at >= this.places.length) this.viewEntries();
    return this.places[at] as number;
  }

  protected loadKey(bytes: Uint8Array, at: number): Uint32Array {
    for (let i = 0; i < 32; i++) this.#keyBytes[i] = bytes[at + i] as number;
    return this.#key;
  }

  protected firstSlot(): number {
    const key = this.#key;
    return slotHash(key[0] as number, key[1] as number, this.seed) & (this.slots.length - 1);
  }

  /** Entry number of the loaded key at or after `slot` in its probe sequence, or -1. */
  protected probe(type: BlobType, slot: number): number {
    const typeBit = type === "tree" ? 1 : 0;
    const mask = this.slots.length - 1;
    for (let at = slot; ; at = (at + 1) & mask) {
      const entry = Atomics.load(this.slots, at) - 1;
      if (entry < 0) return -1;
      if ((this.placeWord(entry, 0) & 1) === typeBit && this.isKey(entry)) return entry;
    }
  }

  protected isKey(entry: number): boolean {
    const base = entry * ID_WORDS;
    if (base >= this.ids.length) this.viewEntries();
    for (let i = 0; i < ID_WORDS; i++) if (this.ids[base + i] !== this.#key[i]) return false;
    return true;
  }
}

/** The first word of a place. */
export function packWord(packNumber: number, type: BlobType): number {
  return ((packNumber << 1) | (type === "tree" ? 1 : 0)) >>> 0;
}
