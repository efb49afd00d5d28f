import type { Timestamp } from "../format/time.ts";
import { localOffsetSeconds } from "./zone.ts";

/** The wall clock as restic records it: local time, to the nanosecond as far as the clock has it. */
export function localNow(): Timestamp {
  const nowMs = performance.timeOrigin + performance.now();
  const seconds = Math.floor(nowMs / 1000);
  const nanoseconds = Math.floor((nowMs - seconds * 1000) * 1000) * 1000;
  return { seconds, nanoseconds, offsetSeconds: localOffsetSeconds(seconds) };
}
