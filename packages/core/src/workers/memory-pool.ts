import { pageMemory } from "../bytes/page-memory.ts";
import { releaseMemory } from "../bytes/release-memory.ts";

/** Memory that is the borrower's until it is given back. */
export interface Loan {
  readonly memory: ArrayBuffer;
  /** What it counts for in the pool: its length in bytes. */
  readonly size: number;
}

/** Small enough that memory for short reads is not worth sharing with long ones. */
const LEAST_SIZE = 64 << 10;
/** From here on sizes grow by steps, below they double. */
const STEP = 2 << 20;
/** Memory may be so many times as large as what is wanted: new memory costs more than some that lies idle. */
const SLACK = 4;

/**
 * Memory that is used over and over for what is read, and so bounds it: memory that is dropped instead waits for the garbage
 * collector, which lets hundreds of megabytes of packs gather. It may travel to a worker and back in between.
 */
export class MemoryPool {
  readonly #limit: number;
  readonly #free: ArrayBuffer[] = [];
  readonly #waiting: (() => void)[] = [];
  #lent = 0;

  /** At most `limit` bytes are lent at once, unless a single loan is larger. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Wait for memory of at least `size` bytes that begins with a page, with anything in it. More than the limit is lent when nothing else is. */
  async take(size: number): Promise<Loan> {
    const rounded = roundUp(size);
    while (this.#lent > 0 && this.#lent + rounded > this.#limit) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const memory = this.#reuse(rounded) ?? pageMemory(rounded).buffer;
    this.#lent += memory.byteLength;
    return { memory, size: memory.byteLength };
  }

  /** End a loan. `memory` is where it is now; without it, or if it was transferred for good, only its size is free again. */
  give(loan: Loan, memory: ArrayBuffer = loan.memory): void {
    this.#lent -= loan.size;
    if (memory.byteLength === loan.size) this.#free.push(memory);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The smallest free memory that will do. If none does, what is free goes, oldest first, as far as the limit demands. */
  #reuse(size: number): ArrayBuffer | undefined {
    const room = Math.max(this.#limit - this.#lent, size);
    let best: ArrayBuffer | undefined;
    for (const memory of this.#free) {
      const { byteLength } = memory;
      const fits = byteLength >= size && byteLength <= Math.min(SLACK * size, room);
      if (fits && byteLength < (best?.byteLength ?? Infinity)) best = memory;
    }
    if (best === undefined) this.#dropFor(size);
    else this.#free.splice(this.#free.indexOf(best), 1);
    return best;
  }

  #dropFor(size: number): void {
    let kept = this.#free.reduce((sum, memory) => sum + memory.byteLength, size);
    while (this.#free.length > 0 && kept + this.#lent > this.#limit) {
      const oldest = this.#free.shift() as ArrayBuffer;
      kept -= oldest.byteLength;
      releaseMemory(oldest);
    }
  }
}

function roundUp(size: number): number {
  if (size > STEP) return Math.ceil(size / STEP) * STEP;
  let rounded = LEAST_SIZE;
  while (rounded < size) rounded *= 2;
  return rounded;
}
