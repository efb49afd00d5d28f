import { sleep } from "./sleep.ts";

/** Where time comes from for those who wait or watch, so that tests can drive it. */
export interface Clock {
  /** What the wall clock shows, in milliseconds since 1970. Somebody may set it, either way. */
  wall(): number;
  /** Milliseconds since some moment. Never goes back; on some systems it stands still while the machine sleeps. */
  steady(): number;
  /** See `sleep`. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Do something again and again until the function that is returned is called. Does not keep the process alive. */
  every(milliseconds: number, work: () => void): () => void;
}

/** The time of this machine. */
export const SYSTEM_CLOCK: Clock = {
  wall: () => Date.now(),
  steady: () => performance.now(),
  sleep,
  every: (milliseconds, work) => {
    const timer = setInterval(work, milliseconds);
    timer.unref();
    return () => clearInterval(timer);
  },
};
