import { sleep } from "./sleep.ts";

/** What tells the time and lets it pass; the system's unless given. */
export interface PacerClock {
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** So far the line may be ahead of the rate, so that not every small piece costs a timer. */
const SLACK_MS = 100;

/**
 * Shares a line that takes so many bytes in a second: who takes from it waits until all that was taken before has passed. Time in which
 * nobody takes anything is lost, so that a pause is not followed by a burst.
 */
export class Pacer {
  readonly #bytesPerMs: number;
  readonly #clock: PacerClock;
  #isFreeAt = Number.NEGATIVE_INFINITY;

  /** @throws {RangeError} Unless `rate`, in bytes a second, is positive. */
  constructor(rate: number, clock: PacerClock = { now: () => performance.now(), sleep }) {
    if (!(rate > 0)) throw new RangeError(`Cannot pace to ${rate} bytes a second`);
    this.#bytesPerMs = rate / 1000;
    this.#clock = clock;
  }

  /**
   * Take so many bytes; undefined if they need not wait.
   *
   * @throws {TsbakError} `interrupted` as soon as `signal` is aborted.
   */
  take(count: number, signal?: AbortSignal): Promise<void> | undefined {
    const now = this.#clock.now();
    this.#isFreeAt = Math.max(this.#isFreeAt, now) + count / this.#bytesPerMs;
    const wait = this.#isFreeAt - now;
    return wait <= SLACK_MS ? undefined : this.#clock.sleep(wait, signal);
  }
}
