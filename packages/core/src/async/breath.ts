const INTERVAL_MS = 100;

/**
 * Lets signals, timers and output have their turn in a loop that may never have to wait for anything: without that it could not
 * be interrupted, and what it prints would pile up.
 */
export class Breath {
  #last = performance.now();

  /** To be awaited in each turn of the loop; ten times a second it does give way. */
  async take(): Promise<void> {
    if (performance.now() - this.#last < INTERVAL_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#last = performance.now();
  }
}
