import type { Timestamp } from "../../format/time.ts";

/** The calendar of a time in its own zone, which decides into which hour, day, week, month and year a snapshot falls. */
export interface LocalDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  /** ISO 8601: the week, from 1, and the year that it belongs to. */
  readonly week: number;
  readonly weekYear: number;
}

const DAY_MS = 86_400_000;

/** What a clock and calendar showed where the time was noted, whatever zone this machine is in. */
export function localDate({ seconds, offsetSeconds }: Timestamp): LocalDate {
  const date = new Date((seconds + offsetSeconds) * 1000);
  const thursday = new Date(date.getTime() + (3 - weekday(date)) * DAY_MS);
  const weekYear = thursday.getUTCFullYear();
  const firstDay = utcMs(weekYear, 0, 1);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    week: 1 + Math.floor((thursday.getTime() - firstDay) / (7 * DAY_MS)),
    weekYear,
  };
}

/** 0 for Monday: the week whose Thursday is in a year belongs to it. */
function weekday(date: Date): number {
  return (date.getUTCDay() + 6) % 7;
}

/** Like `Date.UTC`, which takes the years 0 to 99 for those of the last century. NaN beyond what a Date can hold. */
export function utcMs(year: number, month: number, day: number, msOfDay = 0): number {
  return new Date(0).setUTCFullYear(year, month, day) + msOfDay;
}
