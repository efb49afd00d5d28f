/**
 * Where each blob of the repository is: typed arrays in shared memory, no object per blob.
 *
 * A blob costs 48 bytes (32 of id, 16 of place) and 5 to 11 bytes of hash slots. The arrays grow in place, so
 * a thread that holds a `SharedBlobIndex` keeps a valid view of everything that was in the index when it was
 * shared. Only the thread that made the index adds to it.
 *
 * The key is (type, id): a data blob and a tree blob of the same bytes are two blobs. Several copies of one blob
 * in different packs are legal (restic format, traps 20-22) and all are kept.
 *
 * @module
 */
import type { BlobType } from "../format/blob-type.ts";
import { fromHex } from "../bytes/hex.ts";
import { TsbakError } from "../errors.ts";
import {
  ID_WORDS,
  packWord,
  PLACE_WORDS,
  SharedIndexView,
  slotHash,
  type SharedBlobIndex,
} from "./shared-index.ts";

/** Where one copy of a blob lies. Offsets and lengths in bytes. */
export interface BlobLocation {
  /** Name of the pack, 64 hex digits. */
  readonly pack: string;
  readonly offset: number;
  /** Sealed length inside the pack. */
  readonly length: number;
  /** Plain length before compression; 0 if the blob is not compressed. */
  readonly uncompressedLength: number;
}

/** 64 million blobs, about 100 TB of data: address space is reserved for them, memory is not. */
const MAX_BLOBS = 1 << 26;
const GROWTH_BLOBS = 1 << 14;
const FIRST_SLOTS = 1 << 12;
const MAX_LOAD = 0.75;

/** The index of an open repository. See the module comment. */
export class BlobIndex extends SharedIndexView {
  readonly #shared: { ids: SharedArrayBuffer; places: SharedArrayBuffer; slots: SharedArrayBuffer };
  readonly #packNumbers = new Map<string, number>();
  readonly #packNames: string[] = [];
  #count = 0;

  constructor() {
    const shared = {
      ids: new SharedArrayBuffer(GROWTH_BLOBS * ID_WORDS * 4, {
        maxByteLength: MAX_BLOBS * ID_WORDS * 4,
      }),
      places: new SharedArrayBuffer(GROWTH_BLOBS * PLACE_WORDS * 4, {
        maxByteLength: MAX_BLOBS * PLACE_WORDS * 4,
      }),
      slots: new SharedArrayBuffer(FIRST_SLOTS * 4),
    };
    super({ ...shared, seed: crypto.getRandomValues(new Uint32Array(1))[0] as number });
    this.#shared = shared;
  }

  /** Number of entries: blobs, counting every copy. */
  get size(): number {
    return this.#count;
  }

  /** Names of all packs in the index, in the order of their first mention. */
  get packs(): readonly string[] {
    return this.#packNames;
  }

  /** Memory in use, in bytes, without the pack names. */
  get memorySize(): number {
    return this.#count * (ID_WORDS + PLACE_WORDS) * 4 + this.#shared.slots.byteLength;
  }

  /** True if the index lists this pack. */
  hasPack(name: string): boolean {
    return this.#packNumbers.has(name);
  }

  /** What worker threads need to look blobs up. Blobs added later may or may not be seen there. */
  share(): SharedBlobIndex {
    return { ...this.#shared, seed: this.seed };
  }

  /** Number of the pack `name`, registering it if it is new. */
  packNumber(name: string): number {
    const known = this.#packNumbers.get(name);
    if (known !== undefined) return known;
    this.#packNumbers.set(name, this.#packNames.length);
    return this.#packNames.push(name) - 1;
  }

  /** Add one copy of a blob; the same copy twice counts once. The id is 32 bytes at `at` in `bytes`. */
  add(
    type: BlobType,
    bytes: Uint8Array,
    at: number,
    packNumber: number,
    place: { offset: number; length: number; uncompressedLength: number },
  ): void {
    if (this.#count + 1 > this.slots.length * MAX_LOAD) this.#growSlots();
    const key = this.loadKey(bytes, at);
    const mask = this.slots.length - 1;
    let slot = this.firstSlot();
    for (; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const entry = (this.slots[slot] as number) - 1;
      if (this.isKey(entry) && this.#isAt(entry, type, packNumber, place.offset)) return;
    }
    const entry = this.#append(key);
    const base = entry * PLACE_WORDS;
    this.places[base] = packWord(packNumber, type);
    this.places[base + 1] = place.offset;
    this.places[base + 2] = place.length;
    this.places[base + 3] = place.uncompressedLength;
    // Published last: a reader that sees the slot sees the whole entry.
    Atomics.store(this.slots, slot, entry + 1);
  }

  /** The location of an entry number that `find` returned. */
  locationAt(entry: number): BlobLocation {
    const base = entry * PLACE_WORDS;
    return {
      pack: this.#packNames[(this.places[base] as number) >>> 1] as string,
      offset: this.places[base + 1] as number,
      length: this.places[base + 2] as number,
      uncompressedLength: this.places[base + 3] as number,
    };
  }

  /** Every copy of a blob by its hex id; empty if unknown. */
  locate(type: BlobType, id: string): BlobLocation[] {
    return this.findAll(type, fromHex(id)).map((entry) => this.locationAt(entry));
  }

  /** Plain length of a blob in bytes, or undefined if the index does not know it. */
  plainLength(type: BlobType, bytes: Uint8Array, at = 0): number | undefined {
    const entry = this.find(type, bytes, at);
    return entry < 0 ? undefined : this.plainLengthAt(entry);
  }

  /** Call `visit` for each entry, in the order of addition. `packNumber` indexes `packs`. */
  forEach(visit: (entry: IndexEntry) => void): void {
    for (let entry = 0; entry < this.#count; entry++) visit(this.entryAt(entry));
  }

  /** Everything about one entry number. */
  entryAt(entry: number): IndexEntry {
    return {
      type: this.isTreeAt(entry) ? "tree" : "data",
      id: this.idAt(entry),
      packNumber: this.packNumberAt(entry),
      offset: this.offsetAt(entry),
      length: this.lengthAt(entry),
      uncompressedLength: this.uncompressedLengthAt(entry),
    };
  }

  #isAt(entry: number, type: BlobType, packNumber: number, offset: number): boolean {
    const base = entry * PLACE_WORDS;
    return this.places[base] === packWord(packNumber, type) && this.places[base + 1] === offset;
  }

  #append(key: Uint32Array): number {
    const entry = this.#count++;
    if (this.ids.length < this.#count * ID_WORDS) this.#growEntries();
    this.ids.set(key, entry * ID_WORDS);
    return entry;
  }

  #growEntries(): void {
    const blobs = Math.min(MAX_BLOBS, this.#count + Math.max(GROWTH_BLOBS, this.#count >>> 3));
    if (blobs < this.#count) {
      throw new TsbakError(
        "unsupported",
        `Cannot load index: it lists more than ${MAX_BLOBS} blobs; use a larger pack size in a new repository`,
      );
    }
    this.#shared.ids.grow(blobs * ID_WORDS * 4);
    this.#shared.places.grow(blobs * PLACE_WORDS * 4);
    this.viewEntries();
  }

  #growSlots(): void {
    this.#shared.slots = new SharedArrayBuffer(this.slots.length * 2 * 4);
    this.slots = new Uint32Array(this.#shared.slots);
    const mask = this.slots.length - 1;
    for (let entry = 0; entry < this.#count; entry++) {
      const base = entry * ID_WORDS;
      const hash = slotHash(this.ids[base] as number, this.ids[base + 1] as number, this.seed);
      let slot = hash & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = entry + 1;
    }
  }
}

/** One entry of the index, as objects for callers that are not in a hurry. */
export interface IndexEntry extends Omit<BlobLocation, "pack"> {
  readonly type: BlobType;
  readonly id: string;
  readonly packNumber: number;
}
