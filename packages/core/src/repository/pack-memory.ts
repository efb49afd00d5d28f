/**
 * Memory for packs under construction. It is large and used again and again, so it is given out by the slot instead of being left
 * to the garbage collector, which would let hundreds of megabytes wait.
 *
 * @module
 */

/** The largest blob: the longest chunk (restic format, section 11) and its seal. */
const MAX_BLOB_SIZE = (8 << 20) + 64;
/** Room for the header of a pack with the most entries that a builder allows. */
const HEADER_RESERVE = 4 << 20;

/** A place for one pack. */
export interface PackSlot {
  readonly bytes: Uint8Array;
  /** To be given back to the pool it came from; -1 if it came from none. */
  readonly number: number;
}

/** Where a builder gets memory from. */
export interface PackMemory {
  /** A slot that is the caller's until it is given back; see the implementation for what happens if there is none. */
  acquire(): PackSlot;
}

/** The buffers of a pool, to be posted to a worker thread. */
export interface SharedPackMemory {
  readonly slots: readonly SharedArrayBuffer[];
  readonly state: SharedArrayBuffer;
}

/** What a pack of this target size can take at the most, in bytes. Pages that are never written to cost nothing. */
function slotSize(targetSize: number): number {
  return targetSize + MAX_BLOB_SIZE + HEADER_RESERVE;
}

/**
 * Memory that begins with a page, so that the kernel can write it to disk without a copy of its own. V8 reserves that for
 * buffers that can grow; other buffers begin anywhere.
 */
function createPages(size: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(0, { maxByteLength: size });
  memory.grow(size);
  return memory;
}

/** The buffers of a pool with `count` slots. */
export function createPackMemory(count: number, targetSize: number): SharedPackMemory {
  return {
    slots: Array.from({ length: count }, () => createPages(slotSize(targetSize))),
    state: new SharedArrayBuffer(4 * (count + 1)),
  };
}

/** New memory for each pack, for threads that build few. */
export class PrivatePackMemory implements PackMemory {
  readonly #targetSize: number;

  constructor(targetSize: number) {
    this.#targetSize = targetSize;
  }

  acquire(): PackSlot {
    const memory = createPages(slotSize(this.#targetSize));
    return { bytes: new Uint8Array(memory, 0, memory.byteLength), number: -1 };
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
  readonly #slots: readonly Uint8Array[];
  /** One word a slot, and behind them the number of times that any was given back. */
  readonly #state: Int32Array;

  /** `throwIfStopped` is asked while a thread waits, and throws to end the wait. */
  constructor(shared: SharedPackMemory, throwIfStopped: () => void = () => undefined) {
    this.#throwIfStopped = throwIfStopped;
    this.#slots = shared.slots.map((slot) => new Uint8Array(slot, 0, slot.byteLength));
    this.#state = new Int32Array(shared.state);
  }

  /** A free slot. Blocks the thread until there is one, so the main thread must not call this. */
  acquire(): PackSlot {
    const releases = this.#slots.length;
    for (;;) {
      const seen = Atomics.load(this.#state, releases);
      for (const [number, bytes] of this.#slots.entries()) {
        if (Atomics.compareExchange(this.#state, number, FREE, TAKEN) === FREE) {
          return { bytes, number };
        }
      }
      Atomics.wait(this.#state, releases, seen, LOOK_MS);
      this.#throwIfStopped();
    }
  }

  /** Give a slot back; -1 is ignored. */
  release(number: number): void {
    if (number < 0) return;
    Atomics.store(this.#state, number, FREE);
    Atomics.add(this.#state, this.#slots.length, 1);
    Atomics.notify(this.#state, this.#slots.length);
  }
}
