/**
 * Which thread stores a new blob: the first to claim it. Shared by all threads of one backup (design D6).
 *
 * An id is appended to a dense array first and then published by a compare-and-swap of its number into a slot, so
 * whoever sees the slot sees the whole id. When a table of slots is nearly full, the next one, twice as
 * large, is opened; nothing is ever moved. Two threads that claim the same id in that very instant may both
 * succeed: the blob is then stored twice, which is legal and harmless.
 *
 * @module
 */
import type { BlobType } from "../format/blob-type.ts";

/** The buffers of a claim table, to be posted to a worker thread. */
export interface SharedClaims {
  readonly state: SharedArrayBuffer;
  readonly ids: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
}

const ENTRY_WORDS = 9;
const FIRST_SLOTS = 1 << 16;
const LEVELS = 10;
const MAX_SLOTS = FIRST_SLOTS * (2 ** LEVELS - 1);
const MAX_IDS = MAX_SLOTS;
const GROWTH_IDS = 1 << 14;
const MAX_LOAD = 0.7;
const COUNT = 0;

/** Makes the buffers of an empty table. Address space is reserved for 67 million ids, memory is not. */
export function createClaims(): SharedClaims {
  return {
    state: new SharedArrayBuffer(8),
    ids: new SharedArrayBuffer(0, { maxByteLength: MAX_IDS * ENTRY_WORDS * 4 }),
    slots: new SharedArrayBuffer(FIRST_SLOTS * 4, { maxByteLength: MAX_SLOTS * 4 }),
  };
}

/** One thread's access to the claims. */
export class ClaimTable {
  readonly #shared: SharedClaims;
  readonly #state: Int32Array;
  #ids: Int32Array;
  #slots: Int32Array;
  readonly #key = new Int32Array(ENTRY_WORDS);
  readonly #keyBytes = new Uint8Array(this.#key.buffer);

  constructor(shared: SharedClaims) {
    this.#shared = shared;
    this.#state = new Int32Array(shared.state);
    this.#ids = new Int32Array(shared.ids);
    this.#slots = new Int32Array(shared.slots);
  }

  /**
   * Claim the blob whose 32-byte id stands at `at` in `bytes`. True for exactly one caller (but see the module
   * comment); that caller must store it.
   */
  claim(type: BlobType, bytes: Uint8Array, at = 0): boolean {
    for (let i = 0; i < 32; i++) this.#keyBytes[i] = bytes[at + i] as number;
    this.#key[8] = type === "tree" ? 1 : 0;
    const level = this.#currentLevel();
    for (let older = 0; older < level; older++) if (this.#isIn(older)) return false;
    return this.#insert(level);
  }

  #isIn(level: number): boolean {
    const { base, mask } = levelRange(level);
    for (let slot = this.#firstSlot() & mask; ; slot = (slot + 1) & mask) {
      const entry = Atomics.load(this.#slots, base + slot) - 1;
      if (entry < 0) return false;
      if (this.#isKey(entry)) return true;
    }
  }

  #insert(level: number): boolean {
    const { base, mask } = levelRange(level);
    let mine = -1;
    for (let slot = this.#firstSlot() & mask; ; slot = (slot + 1) & mask) {
      let entry = Atomics.load(this.#slots, base + slot) - 1;
      if (entry < 0) {
        if (mine < 0) mine = this.#append();
        entry = Atomics.compareExchange(this.#slots, base + slot, 0, mine + 1) - 1;
        if (entry < 0) return true;
      }
      if (this.#isKey(entry)) return false;
    }
  }

  #append(): number {
    const entry = Atomics.add(this.#state, COUNT, 1);
    const size = (entry + 1) * ENTRY_WORDS * 4;
    if (this.#shared.ids.byteLength < size) {
      growTo(this.#shared.ids, (entry + GROWTH_IDS) * ENTRY_WORDS * 4);
    }
    if (this.#ids.byteLength < size) this.#ids = new Int32Array(this.#shared.ids);
    this.#ids.set(this.#key, entry * ENTRY_WORDS);
    return entry;
  }

  /** The level for new ids: the first that is not nearly full, judged by the number of all ids. */
  #currentLevel(): number {
    const count = Atomics.load(this.#state, COUNT);
    let level = 0;
    while (level < LEVELS - 1 && count > MAX_LOAD * FIRST_SLOTS * (2 ** (level + 1) - 1)) level++;
    const size = FIRST_SLOTS * (2 ** (level + 1) - 1) * 4;
    if (this.#shared.slots.byteLength < size) growTo(this.#shared.slots, size);
    if (this.#slots.byteLength < size) this.#slots = new Int32Array(this.#shared.slots);
    return level;
  }

  #firstSlot(): number {
    return (this.#key[1] as number) ^ (this.#key[5] as number);
  }

  #isKey(entry: number): boolean {
    const base = entry * ENTRY_WORDS;
    if (this.#ids.length < base + ENTRY_WORDS) this.#ids = new Int32Array(this.#shared.ids);
    for (let i = 0; i < ENTRY_WORDS; i++) if (this.#ids[base + i] !== this.#key[i]) return false;
    return true;
  }
}

function levelRange(level: number): { base: number; mask: number } {
  return { base: FIRST_SLOTS * (2 ** level - 1), mask: FIRST_SLOTS * 2 ** level - 1 };
}

/** Another thread may have grown the buffer further in the meantime: that is as good. */
function growTo(buffer: SharedArrayBuffer, size: number): void {
  try {
    buffer.grow(Math.min(size, buffer.maxByteLength));
  } catch (error) {
    if (buffer.byteLength < size) throw error;
  }
}
