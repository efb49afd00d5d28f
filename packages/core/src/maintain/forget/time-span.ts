import type { Timestamp } from "../../format/time.ts";
import { utcMs } from "./local-date.ts";

/** A span of the calendar, as `--keep-within` has it: a year before 29 February is 1 March. Whole numbers from 0. */
export interface TimeSpan {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** How far a zone is ahead of UTC at an instant, both in seconds. */
export type ZoneOffset = (unixSeconds: number) => number;

const DAY_SECONDS = 86_400;

/** The span as restic prints it: `1y5m7d2h`, without what is 0. */
export function formatTimeSpan({ years, months, days, hours }: TimeSpan): string {
  const parts: [number, string][] = [
    [years, "y"],
    [months, "m"],
    [days, "d"],
    [hours, "h"],
  ];
  return parts.map(([count, unit]) => (count === 0 ? "" : `${count}${unit}`)).join("");
}

/** True for a span of no length, which stands for no wish. */
export function isEmptySpan(span: TimeSpan): boolean {
  return span.years === 0 && span.months === 0 && span.days === 0 && span.hours === 0;
}

/**
 * The time that lies so far before another, as Go's `AddDate` has it: years, months and days on the calendar, then hours. The calendar is that
 * of this machine if `time` was noted in its zone, so that a day across a change of clocks has 23 or 25 hours; else the
 * offset of `time` stays.
 */
export function before(time: Timestamp, span: TimeSpan, zoneOffset: ZoneOffset): Timestamp {
  const isHere = time.offsetSeconds !== 0 && zoneOffset(time.seconds) === time.offsetSeconds;
  const local = new Date((time.seconds + time.offsetSeconds) * 1000);
  const day = utcMs(
    local.getUTCFullYear() - span.years,
    local.getUTCMonth() - span.months,
    local.getUTCDate() - span.days,
  );
  // Further back than any calendar goes.
  if (Number.isNaN(day)) return { ...time, seconds: Number.NEGATIVE_INFINITY };
  const secondOfDay = mod(time.seconds + time.offsetSeconds, DAY_SECONDS);
  const wall = day / 1000 + secondOfDay;
  const offset = isHere ? offsetOfWall(wall, zoneOffset) : time.offsetSeconds;
  return { ...time, seconds: wall - offset - span.hours * 3600 };
}

/** The offset when clocks show `wall`, by Go's rule where they show it twice or never. */
function offsetOfWall(wall: number, zoneOffset: ZoneOffset): number {
  const guess = zoneOffset(wall);
  return guess === 0 ? 0 : zoneOffset(wall - guess);
}

function mod(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
