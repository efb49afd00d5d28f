import { SYSTEM_CLOCK, type Clock } from "../async/clock.ts";
import { sleep } from "../async/sleep.ts";

/** Longer than a lock settles, shorter than anything else that is waited for. */
const SHORT_MS = 1000;

/**
 * The time of this machine, but short waits end at once: a store in memory shows a new lock to everybody without delay, so nothing is
 * won by letting it settle. For tests of what works under locks, not of locks.
 */
export const BRISK_CLOCK: Clock = {
  ...SYSTEM_CLOCK,
  sleep: (milliseconds, signal) => sleep(milliseconds < SHORT_MS ? 0 : milliseconds, signal),
};
