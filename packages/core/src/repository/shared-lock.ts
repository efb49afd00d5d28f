const FREE = 0;
const HELD = 1;
/** A wake-up can be missed by a thread that is about to sleep; then it looks again after this time. */
const NAP_MS = 1;

/**
 * Run `work` while no other thread runs any under the same word of shared memory, which is 0 at first. For a few
 * instructions only: it blocks the thread.
 */
export function withSharedLock<T>(words: Int32Array, at: number, work: () => T): T {
  while (Atomics.compareExchange(words, at, FREE, HELD) !== FREE) {
    Atomics.wait(words, at, HELD, NAP_MS);
  }
  try {
    return work();
  } finally {
    Atomics.store(words, at, FREE);
    Atomics.notify(words, at, 1);
  }
}
