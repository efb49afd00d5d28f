import { interruptedError, throwIfAborted } from "./interrupted.ts";

/** Gives a permit back. Calling it again does nothing. */
export type Release = () => void;

interface Waiter {
  readonly grant: () => void;
  readonly stop: () => void;
}

/** Permits for so many users of something at once. Those who wait are served in the order they came. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<Waiter>();

  /** @throws {RangeError} Unless `permits` is a whole number from 1. */
  constructor(permits: number) {
    if (!Number.isSafeInteger(permits) || permits < 1) {
      throw new RangeError(`Cannot share ${permits} permits: at least 1 is needed`);
    }
    this.#free = permits;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Wait for a permit. The caller must call what it gets when done, best in `finally`.
   *
   * @throws {TsbakError} `interrupted` if `signal` is aborted before the permit is given; none is held then.
   */
  async acquire(signal?: AbortSignal): Promise<Release> {
    throwIfAborted(signal);
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#passOn();
    };
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener("abort", abort);
      };
      const abort = (): void => {
        stop();
        if (signal !== undefined) reject(interruptedError(signal));
      };
      const waiter: Waiter = { grant: resolve, stop };
      this.#waiting.add(waiter);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    next.stop();
    next.grant();
  }
}
