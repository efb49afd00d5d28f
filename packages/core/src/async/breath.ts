/** In milliseconds, unless something else is said. */
const INTERVAL_MS = 100;

/**
 * Lets signals, timers and output have their turn in a loop that may never have to wait for anything: without that it could not
 * be interrupted, and what it prints would pile up.
 */
export class Breath {
  readonly #interval: number;
  #last = performance.now();

  /** Everything else waits so many milliseconds at most, and as long as one turn of the loop takes. */
  constructor(interval: number = INTERVAL_MS) {
    this.#interval = interval;
  }

  /** To be awaited in each turn of the loop; once in each interval it does give way. */
  async take(): Promise<void> {
    if (performance.now() - this.#last < this.#interval) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#last = performance.now();
  }
}
