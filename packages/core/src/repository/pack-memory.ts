/**
 * Memory for packs under construction. It is large and used again and again, so it is given out by the slot instead of being left
 * to the garbage collector, which would let hundreds of megabytes wait.
 *
 * @module
 */

import { pageMemory } from "../bytes/page-memory.ts";
import { releaseMemory } from "../bytes/release-memory.ts";

/** The largest blob that is sure to find room: the longest chunk (restic format, section 11) and its seal. */
export const MAX_BLOB_SIZE: number = (8 << 20) + 64;
/** Entries of a pack at the most. The format would allow four times as many. */
export const MAX_ENTRIES = 100_000;
/** Room for a header of so many entries. */
const HEADER_SIZE = 4 << 20;
const STATE_SIZE = 64;
const IV_SIZE = 16;

/** A place for one pack. All threads that have the same slot see the same bytes. */
export interface PackSlot {
  /** To be given back to the memory it came from. */
  readonly number: number;
  /** The pack itself: blobs, and the sealed header behind them. Begins with a page. */
  readonly pack: Uint8Array;
  /** Plain header entries. */
  readonly header: Uint8Array;
  /** A few words about the pack, for whoever fills it. */
  readonly state: Int32Array;
  /** The first IV of the pack. */
  readonly iv: Uint8Array;
}

/** Where packs get memory from. */
export interface PackMemory {
  /** Take a free slot; its state is that of its last use. Undefined if there is none. */
  take(): number | undefined;
  /** Wait until a slot may be free. Not called where `take` always finds one. */
  wait(): void;
  /** A slot that somebody has taken. */
  slot(number: number): PackSlot;
  /** Give a slot back. */
  release(number: number): void;
  /** Let go of what nobody has taken, where that can be. */
  trim?(): void;
}

/** The buffers of a pool, to be posted to a worker thread. */
export interface SharedPackMemory {
  readonly slots: readonly SharedArrayBuffer[];
  readonly state: SharedArrayBuffer;
}

/** The buffers of a pool with `count` slots for packs of this target size. Pages that are never written to cost nothing. */
export function createPackMemory(count: number, targetSize: number): SharedPackMemory {
  return {
    slots: Array.from({ length: count }, () => createSlot(targetSize)),
    state: new SharedArrayBuffer(4 * (count + 1)),
  };
}

/**
 * Memory that begins with a page, so that the kernel can write it to disk without a copy of its own. V8 reserves that for
 * buffers that can grow; others begin anywhere.
 */
function createSlot(targetSize: number): SharedArrayBuffer {
  const size = slotSize(targetSize);
  const memory = new SharedArrayBuffer(0, { maxByteLength: size });
  memory.grow(size);
  return memory;
}

function slotSize(targetSize: number): number {
  const packSize = targetSize + MAX_BLOB_SIZE + HEADER_SIZE;
  return Math.ceil(packSize / 8) * 8 + HEADER_SIZE + STATE_SIZE + IV_SIZE;
}

function openSlot(memory: ArrayBuffer | SharedArrayBuffer, number: number): PackSlot {
  const ivAt = memory.byteLength - IV_SIZE;
  const stateAt = ivAt - STATE_SIZE;
  const headerAt = stateAt - HEADER_SIZE;
  return {
    number,
    pack: new Uint8Array(memory, 0, headerAt),
    header: new Uint8Array(memory, headerAt, HEADER_SIZE),
    state: new Int32Array(memory, stateAt, STATE_SIZE / 4),
    iv: new Uint8Array(memory, ivAt, IV_SIZE),
  };
}

/** As many slots as it takes, for one thread that must not wait. */
export class PrivatePackMemory implements PackMemory {
  readonly #targetSize: number;
  readonly #slots = new Map<number, { readonly slot: PackSlot; readonly memory: ArrayBuffer }>();
  #free: number[] = [];
  #next = 0;

  constructor(targetSize: number) {
    this.#targetSize = targetSize;
  }

  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const number = this.#next++;
    // Shared memory could not be let go of before the garbage collector takes it.
    const memory = pageMemory(slotSize(this.#targetSize)).buffer;
    this.#slots.set(number, { slot: openSlot(memory, number), memory });
    return number;
  }

  wait(): void {
    throw new Error("There is always memory, so there is nothing to wait for");
  }

  slot(number: number): PackSlot {
    return this.#slots.get(number)!.slot;
  }

  release(number: number): void {
    this.#free.push(number);
  }

  trim(): void {
    for (const number of this.#free) {
      releaseMemory(this.#slots.get(number)!.memory);
      this.#slots.delete(number);
    }
    this.#free = [];
  }
}

/** How often a thread that waits looks whether it should stop. */
const LOOK_MS = 100;
const FREE = 0;
const TAKEN = 1;

/**
 * One thread's access to a pool that is shared by all threads of an operation. It is what holds workers back when packs
 * cannot be stored as fast as they are made, and bounds the memory of packs exactly.
 */
export class PackMemoryPool implements PackMemory {
  readonly #throwIfStopped: () => void;
  readonly #slots: readonly PackSlot[];
  /** One word a slot, and behind them the number of times that any was given back. */
  readonly #state: Int32Array;
  #seenReleases = 0;

  /** `throwIfStopped` is asked while a thread waits, and throws to end the wait. */
  constructor(shared: SharedPackMemory, throwIfStopped: () => void = () => undefined) {
    this.#throwIfStopped = throwIfStopped;
    this.#slots = shared.slots.map(openSlot);
    this.#state = new Int32Array(shared.state);
  }

  take(): number | undefined {
    this.#seenReleases = Atomics.load(this.#state, this.#slots.length);
    for (const { number } of this.#slots) {
      if (Atomics.compareExchange(this.#state, number, FREE, TAKEN) === FREE) return number;
    }
    return undefined;
  }

  /** Blocks the thread until a slot was given back since the last `take`, so the main thread must not call this. */
  wait(): void {
    Atomics.wait(this.#state, this.#slots.length, this.#seenReleases, LOOK_MS);
    this.#throwIfStopped();
  }

  slot(number: number): PackSlot {
    return this.#slots[number] as PackSlot;
  }

  release(number: number): void {
    Atomics.store(this.#state, number, FREE);
    Atomics.add(this.#state, this.#slots.length, 1);
    Atomics.notify(this.#state, this.#slots.length);
  }
}
