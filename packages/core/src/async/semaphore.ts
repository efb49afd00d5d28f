import { throwIfAborted } from "./interrupted.ts";

/** Lets a fixed number of holders in at a time; the others wait in line. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** `count` is at least 1. */
  constructor(count: number) {
    if (count < 1) throw new RangeError(`Semaphore needs a count of at least 1, not ${count}`);
    this.#free = count;
  }

  /**
   * Wait for a place and return the function that gives it back; calling that more than once has no further effect.
   *
   * @throws {TsbakError} `interrupted` if the signal is aborted when the place is free.
   */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#release();
    };
    if (signal?.aborted === true) {
      release();
      throwIfAborted(signal);
    }
    return release;
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
