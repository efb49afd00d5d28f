/**
 * The packs that are being filled (restic format, section 5): two at a time, and each blob goes to one of them by chance.
 * Without that, the order and sizes of blobs in a pack would tell a thief of the repository where known files were cut
 * (section 5: "Chunking attacks on file backup services").
 *
 * All threads fill the same two, so that their memory does not grow with the number of threads: a thread reserves a place
 * under a lock, and seals its blob there while others do the same beside it. Whoever is the last to leave a full pack
 * closes it.
 *
 * @module
 */
import { randomFillSync } from "node:crypto";
import { addToCounter } from "../crypto/counter.ts";
import type { MasterKey } from "../crypto/master-key.ts";
import { Sealer, SEAL_OVERHEAD } from "../crypto/sealer.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import type { BlobType } from "../format/blob-type.ts";
import {
  encodePackHeader,
  PACK_TRAILER_SIZE,
  putPackEntry,
  type PackEntry,
} from "../format/pack-header.ts";
import { MAX_BLOB_SIZE, MAX_ENTRIES, type PackMemory, type PackSlot } from "./pack-memory.ts";
import { withSharedLock } from "./shared-lock.ts";

/** A pack ready to be stored. */
export interface FinishedPack {
  /** SHA-256 of `bytes`, 64 hex digits. */
  readonly name: string;
  /** The whole file, a view of its slot's memory. */
  readonly bytes: Uint8Array;
  /** The slot to be given back when the pack is stored; undefined if it has memory of its own. */
  readonly slot: number | undefined;
  /** Plain header entries: compact, and all that an index needs. A copy. */
  readonly header: Uint8Array;
}

/** What adding a blob came to. */
export interface AddedBlob {
  /** Bytes that the blob takes in its pack. */
  readonly length: number;
  /** A pack that is full now. */
  readonly finished: FinishedPack | undefined;
}

/** A blob in the form in which it is stored. */
export interface NewBlob {
  readonly type: BlobType;
  /** 32 bytes. */
  readonly id: Uint8Array;
  /** The plain or compressed form. */
  readonly stored: Uint8Array;
  /** 0 for the plain form. */
  readonly uncompressedLength: number;
}

/** A blob that is sealed already under the key of the packs, and was opened to make sure. */
export interface ReadyBlob extends Pick<NewBlob, "type" | "id" | "uncompressedLength"> {
  readonly sealed: Uint8Array;
}

/** What a pack's header says of a blob, and how much of the pack's key stream it takes. */
interface Reservation {
  readonly entry: Omit<PackEntry, "offset">;
  readonly blocks: number;
}

/** A place in a pack for one blob. */
interface Place {
  readonly slot: PackSlot;
  readonly offset: number;
  readonly block: number;
}

/** The words of `OpenPacks` that all threads share. */
const LOCK = 0;
const BROKEN = 1;
const FIRST_SEAT = 2;
const SEATS = 2;
/** In a seat without a pack; otherwise it has the slot's number plus one. */
const EMPTY = 0;

/** The words in the state of a slot. */
const SIZE = 0;
const HEADER_SIZE = 1;
const ENTRIES = 2;
/** Blocks of the pack's key stream that are used. */
const BLOCKS = 3;
/** Threads that have a place and have not filled it. */
const WRITERS = 4;
const IS_FULL = 5;

/** Random bits are drawn by the block: one system call for 4096 blobs. */
const RANDOM_BYTES = 512;

/**
 * What the threads that fill the same packs share, to be posted to each. With one seat there is one pack at a time: only for whoever
 * gives it blobs in an order that tells nothing.
 */
export function createOpenPacks(seats: 1 | 2 = SEATS): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (FIRST_SEAT + seats));
}

/** One thread's access to the open packs. One set of packs is used for one type of blob only. */
export class OpenPacks {
  readonly #targetSize: number;
  readonly #memory: PackMemory;
  readonly #sealer: Sealer;
  readonly #words: Int32Array;
  readonly #iv = new Uint8Array(16);
  readonly #random = new Uint8Array(RANDOM_BYTES);
  #nextBit = RANDOM_BYTES * 8;

  /** `targetSize` in bytes: a pack is full when it has reached that. Threads with the same `shared` have the same memory. */
  constructor(key: MasterKey, targetSize: number, memory: PackMemory, shared: SharedArrayBuffer) {
    this.#sealer = new Sealer(key);
    this.#targetSize = targetSize;
    this.#memory = memory;
    this.#words = new Int32Array(shared);
  }

  /** Seal and append a blob to one of the packs. */
  add(blob: NewBlob): AddedBlob {
    const { stored } = blob;
    const length = stored.length + SEAL_OVERHEAD;
    if (length > MAX_BLOB_SIZE) {
      const seal = (pack: Uint8Array): unknown => this.#sealer.sealInto(stored, pack, 0);
      return { length, finished: this.#packAlone({ ...blob, length }, seal) };
    }
    const blocks = Math.ceil(stored.length / 16);
    return this.#put({ entry: { ...blob, length }, blocks }, ({ slot, block, offset }) =>
      this.#seal(slot, block, stored, offset),
    );
  }

  /** Append a sealed blob as it is to one of the packs. */
  addSealed(blob: ReadyBlob): AddedBlob {
    const { sealed } = blob;
    const entry = { ...blob, length: sealed.length };
    if (sealed.length > MAX_BLOB_SIZE) {
      const finished = this.#packAlone(entry, (pack) => pack.set(sealed));
      return { length: sealed.length, finished };
    }
    return this.#put({ entry, blocks: 0 }, ({ slot, offset }) => slot.pack.set(sealed, offset));
  }

  /** Give the slot of a pack back that has been stored. */
  release(pack: FinishedPack): void {
    if (pack.slot !== undefined) this.#memory.release(pack.slot);
  }

  /** When no thread adds any more: close the packs that are open, as one if they are small enough. */
  finish(): FinishedPack[] {
    this.#throwIfBroken();
    const slots: PackSlot[] = [];
    for (let seat = FIRST_SEAT; seat < this.#words.length; seat++) {
      const taken = Atomics.exchange(this.#words, seat, EMPTY);
      if (taken !== EMPTY) slots.push(this.#memory.slot(taken - 1));
    }
    const [first, second] = slots;
    if (first !== undefined && second !== undefined && this.#fits(first, second)) {
      append(first, second);
      this.#memory.release(second.number);
      slots.pop();
    }
    return slots.map((slot) => this.#close(slot));
  }

  #put(wish: Reservation, fill: (place: Place) => unknown): AddedBlob {
    const seats = this.#words.length - FIRST_SEAT;
    const place = this.#reserve(seats === 1 ? 0 : this.#randomBit(), wish);
    try {
      fill(place);
    } catch (error) {
      // There is a hole in the pack, which nobody may store.
      Atomics.store(this.#words, BROKEN, 1);
      throw error;
    }
    const finished = this.#leave(place.slot) ? this.#close(place.slot) : undefined;
    return { length: wish.entry.length, finished };
  }

  #reserve(seat: number, wish: Reservation): Place {
    for (;;) {
      const place = withSharedLock(this.#words, LOCK, () => {
        const slot = this.#openSeat(FIRST_SEAT + seat);
        return slot && this.#reserveIn(slot, FIRST_SEAT + seat, wish);
      });
      if (place !== undefined) return place;
      this.#memory.wait();
    }
  }

  /** The pack in a seat, a new one if it is empty. Undefined if there is no memory for that. */
  #openSeat(seat: number): PackSlot | undefined {
    const taken = this.#words[seat] as number;
    if (taken !== EMPTY) return this.#memory.slot(taken - 1);
    const number = this.#memory.take();
    if (number === undefined) return undefined;
    const slot = this.#memory.slot(number);
    slot.state.fill(0);
    // So many ones in front would let the counter wrap to zero, which is no IV.
    do randomFillSync(slot.iv);
    while (slot.iv.subarray(0, 8).every((byte) => byte === 255));
    this.#words[seat] = number + 1;
    return slot;
  }

  #reserveIn(slot: PackSlot, seat: number, { entry, blocks }: Reservation): Place {
    const { state } = slot;
    const { length } = entry;
    const offset = state[SIZE] as number;
    const block = state[BLOCKS] as number;
    const headerAt = state[HEADER_SIZE] as number;
    state[SIZE] = offset + length;
    state[BLOCKS] = block + blocks;
    state[HEADER_SIZE] = putPackEntry(slot.header, headerAt, entry);
    state[ENTRIES] = (state[ENTRIES] as number) + 1;
    state[WRITERS] = (state[WRITERS] as number) + 1;
    if (offset + length >= this.#targetSize || (state[ENTRIES] as number) >= MAX_ENTRIES) {
      state[IS_FULL] = 1;
      this.#words[seat] = EMPTY;
    }
    return { slot, offset, block };
  }

  /** True if the pack is full and this was the last to fill a place. */
  #leave({ state }: PackSlot): boolean {
    return withSharedLock(this.#words, LOCK, () => {
      state[WRITERS] = (state[WRITERS] as number) - 1;
      return state[IS_FULL] === 1 && state[WRITERS] === 0;
    });
  }

  /** All that is sealed in a pack lies on one key stream: reading many blobs at once is cheaper so. */
  #seal(slot: PackSlot, block: number, plain: Uint8Array, offset: number): number {
    this.#iv.set(slot.iv);
    addToCounter(this.#iv, block);
    return this.#sealer.sealWith(this.#iv, plain, slot.pack, offset);
  }

  #close(slot: PackSlot): FinishedPack {
    const { state, pack } = slot;
    this.#throwIfBroken();
    const size = state[SIZE] as number;
    const header = slot.header.slice(0, state[HEADER_SIZE]);
    const sealedLength = this.#seal(slot, state[BLOCKS] as number, header, size);
    return finishedPack(pack, size, sealedLength, header, slot.number);
  }

  /** A pack for a blob that is longer than what is sure to find room: the tree of a folder of a hundred thousand files. */
  #packAlone(entry: Omit<PackEntry, "offset">, fill: (pack: Uint8Array) => unknown): FinishedPack {
    const { length } = entry;
    const header = encodePackHeader([{ ...entry, offset: 0 }]);
    const pack = new Uint8Array(length + header.length + SEAL_OVERHEAD + PACK_TRAILER_SIZE);
    fill(pack);
    const sealedLength = this.#sealer.sealInto(header, pack, length);
    return finishedPack(pack, length, sealedLength, header, undefined);
  }

  /** What was to be in a hole is claimed, so nothing that comes after may be relied on. */
  #throwIfBroken(): void {
    if (Atomics.load(this.#words, BROKEN) === 0) return;
    throw new Error("Cannot close pack: a blob could not be sealed; see the first error");
  }

  #fits({ state: a }: PackSlot, { state: b }: PackSlot): boolean {
    const size = (a[SIZE] as number) + (b[SIZE] as number);
    const entries = (a[ENTRIES] as number) + (b[ENTRIES] as number);
    return size <= this.#targetSize + MAX_BLOB_SIZE && entries <= MAX_ENTRIES;
  }

  #randomBit(): 0 | 1 {
    if (this.#nextBit === RANDOM_BYTES * 8) {
      randomFillSync(this.#random);
      this.#nextBit = 0;
    }
    const byte = this.#random[this.#nextBit >> 3] as number;
    return ((byte >> (this.#nextBit++ & 7)) & 1) as 0 | 1;
  }
}

/** Move what is in one pack behind what is in another. Blobs are sealed each for itself, so they stay valid. */
function append(to: PackSlot, from: PackSlot): void {
  const [size, headerSize] = [to.state[SIZE] as number, to.state[HEADER_SIZE] as number];
  to.pack.set(from.pack.subarray(0, from.state[SIZE]), size);
  to.header.set(from.header.subarray(0, from.state[HEADER_SIZE]), headerSize);
  for (const word of [SIZE, HEADER_SIZE, ENTRIES]) {
    to.state[word] = (to.state[word] as number) + (from.state[word] as number);
  }
}

/** Put the trailer behind a sealed header that begins at `size`. */
function finishedPack(
  pack: Uint8Array,
  size: number,
  sealedLength: number,
  header: Uint8Array,
  slot: number | undefined,
): FinishedPack {
  const end = size + sealedLength;
  new DataView(pack.buffer, pack.byteOffset).setUint32(end, sealedLength, true);
  const bytes = pack.subarray(0, end + PACK_TRAILER_SIZE);
  return { name: sha256Hex(bytes), bytes, slot, header };
}
