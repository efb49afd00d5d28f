const DAY_SECONDS = 86_400;
/** Beyond it a JavaScript date has no zone; nobody's file is that old or new. */
const LAST_SECOND = 8_640_000_000_000;
/** A tree has files of a few thousand different days; this only bounds the memory of a hostile one. */
const MOST_DAYS = 20_000;

const offsetOfDay = new Map<number, number>();
let lastDay = Number.NaN;
let lastOffset = 0;

/**
 * How far this machine's local time is ahead of UTC at an instant, in seconds, always whole minutes: stored times
 * carry no finer offset. By the zone rules of the time in question, not of today. `TZ` is read once, by the runtime.
 *
 * Called twice for every file, so days without a change of the clock are remembered.
 */
export function localOffsetSeconds(unixSeconds: number): number {
  const day = Math.floor(unixSeconds / DAY_SECONDS);
  if (day === lastDay) return lastOffset;
  let offset = offsetOfDay.get(day);
  if (offset === undefined) {
    offset = offsetAt(day * DAY_SECONDS);
    if (offset !== offsetAt((day + 1) * DAY_SECONDS)) return offsetAt(unixSeconds);
    if (offsetOfDay.size >= MOST_DAYS) offsetOfDay.clear();
    offsetOfDay.set(day, offset);
  }
  lastDay = day;
  lastOffset = offset;
  return offset;
}

function offsetAt(unixSeconds: number): number {
  const clamped = Math.max(-LAST_SECOND, Math.min(LAST_SECOND, unixSeconds));
  // Truncated because years before standard time have offsets such as 53 min 28 s; "+ 0" turns -0 into 0.
  return -60 * Math.trunc(new Date(clamped * 1000).getTimezoneOffset()) + 0;
}
