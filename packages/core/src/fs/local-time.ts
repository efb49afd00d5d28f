import type { Timestamp } from "../format/time.ts";
import { localOffsetSeconds } from "./zone.ts";

/** The wall clock as restic records it: local time, to the nanosecond as far as the clock has it. */
export function localNow(): Timestamp {
  const wall = Date.now();
  // Finer, but it does not see when the wall clock is set, and stands still while the machine sleeps.
  const fine = performance.timeOrigin + performance.now();
  return localTime(Math.floor(fine) === wall ? fine : wall);
}

/** A time in milliseconds since 1970 as restic records it. */
export function localTime(milliseconds: number): Timestamp {
  const seconds = Math.floor(milliseconds / 1000);
  const nanoseconds = Math.floor((milliseconds - seconds * 1000) * 1000) * 1000;
  return { seconds, nanoseconds, offsetSeconds: localOffsetSeconds(seconds) };
}
