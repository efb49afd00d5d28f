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
import { fromHex, toHex } from "../bytes/hex.ts";
import { TsbakError } from "../errors.ts";

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

/** The buffers of an index, to be posted to a worker thread and opened there with `SharedIndexView`. */
export interface SharedBlobIndex {
  readonly ids: SharedArrayBuffer;
  readonly places: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly seed: number;
}

/** 64 million blobs, about 100 TB of data: address space is reserved for them, memory is not. */
const MAX_BLOBS = 1 << 26;
const ID_WORDS = 8;
const PLACE_WORDS = 4;
const GROWTH_BLOBS = 1 << 14;
const FIRST_SLOTS = 1 << 12;
const MAX_LOAD = 0.75;

/** Mixes two words of an id with a secret of this process, so that nobody can choose ids that collide. */
function slotHash(first: number, second: number, seed: number): number {
  const mixed = Math.imul(first ^ seed, 0x9e3779b1) ^ Math.imul(second + seed, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
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

  /** Plain length of entry number `entry` in bytes. */
  plainLengthAt(entry: number): number {
    return this.uncompressedLengthAt(entry) || this.lengthAt(entry) - 32;
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

function packWord(packNumber: number, type: BlobType): number {
  return ((packNumber << 1) | (type === "tree" ? 1 : 0)) >>> 0;
}
