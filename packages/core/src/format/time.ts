import { TsbakError } from "../errors.ts";

/** An instant and the zone it was noted in. */
export interface Timestamp {
  /** Whole seconds since 1970-01-01T00:00:00Z, rounded down; negative before. */
  seconds: number;
  /** 0 to 999,999,999, added to `seconds`. */
  nanoseconds: number;
  /** Seconds that local time was ahead of UTC. */
  offsetSeconds: number;
}

/** Go's zero time, which a missing time field decodes to. */
export const ZERO_TIME = "0001-01-01T00:00:00Z";

const DAY = 86_400;
// 400 years, after which the calendar repeats; and from 0000-03-01 to 1970-01-01.
const DAYS_PER_ERA = 146_097;
const DAYS_BEFORE_1970 = 719_468;
const PAIRS: readonly string[] = Array.from({ length: 100 }, (_, value) =>
  String(value).padStart(2, "0"),
);

// Files of one directory mostly share the day, so the last date is kept. It only saves time.
let lastDay = 0;
let lastDate = "1970-01-01T";

/**
 * The time as Go prints RFC3339Nano: fraction without trailing zeros, `Z` for no offset, offset cut to minutes.
 * A year outside 0..9999 is replaced by the nearest one inside, as restic does.
 */
export function formatTime(time: Timestamp): string {
  const local = time.seconds + time.offsetSeconds;
  const day = Math.floor(local / DAY);
  const second = local - day * DAY;
  if (day !== lastDay) {
    lastDate = formatDate(day);
    lastDay = day;
  }
  const minute = (second / 60) | 0;
  const clock = `${PAIRS[(minute / 60) | 0]}:${PAIRS[minute % 60]}:${PAIRS[second % 60]}`;
  return lastDate + clock + formatFraction(time.nanoseconds) + formatZone(time.offsetSeconds);
}

/** The date of a day counted from 1970-01-01, with the `T` that follows it. */
function formatDate(day: number): string {
  // Howard Hinnant's civil_from_days: years begin in March, so that the leap day comes last.
  const shifted = day + DAYS_BEFORE_1970;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  // The year after clamping has no leap day; Go's AddDate then goes on to March.
  if (year > 9999 && month === 2 && dayOfMonth === 29) return "9999-03-01T";
  const clamped = Math.min(Math.max(year, 0), 9999);
  return `${String(clamped).padStart(4, "0")}-${PAIRS[month]}-${PAIRS[dayOfMonth]}T`;
}

function formatFraction(nanoseconds: number): string {
  if (nanoseconds === 0) return "";
  let digits = nanoseconds;
  let width = 9;
  while (digits % 10 === 0) {
    digits /= 10;
    width--;
  }
  return `.${String(digits).padStart(width, "0")}`;
}

function formatZone(offsetSeconds: number): string {
  if (offsetSeconds === 0) return "Z";
  const minutes = Math.floor(Math.abs(offsetSeconds) / 60);
  const sign = offsetSeconds <= -60 ? "-" : "+";
  return `${sign}${PAIRS[Math.floor(minutes / 60)]}:${PAIRS[minutes % 60]}`;
}

/**
 * The time that an RFC 3339 text names. Digits beyond the nanosecond are cut off, as in Go.
 *
 * @throws {TsbakError} `corrupt` if the text has another form or names a day or hour that does not exist.
 */
export function parseTime(text: string): Timestamp {
  const year = numberAt(text, 0, 4);
  const month = numberAt(text, 5, 2);
  const day = numberAt(text, 8, 2);
  const hour = numberAt(text, 11, 2);
  const minute = numberAt(text, 14, 2);
  const second = numberAt(text, 17, 2);
  if (!isPunctuated(text) || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month))
    throw badTime();
  if (hour > 23 || minute > 59 || second > 59) throw badTime();
  const zoneAt = endOfFraction(text);
  const offsetSeconds = parseZone(text, zoneAt);
  const local = daysSince1970(year, month, day) * DAY + (hour * 60 + minute) * 60 + second;
  const nanoseconds =
    zoneAt === 19 ? 0 : Number(text.slice(20, Math.min(zoneAt, 29)).padEnd(9, "0"));
  return { seconds: local - offsetSeconds, nanoseconds, offsetSeconds };
}

/** True if `parseTime` can read the text. */
export function isTime(text: string): boolean {
  try {
    parseTime(text);
    return true;
  } catch {
    return false;
  }
}

/** True if the dashes, colons and the `T` are where they belong. */
function isPunctuated(text: string): boolean {
  const [dash, colon] = [0x2d, 0x3a];
  const isDate =
    text.charCodeAt(4) === dash && text.charCodeAt(7) === dash && text.charCodeAt(10) === 0x54;
  return isDate && text.charCodeAt(13) === colon && text.charCodeAt(16) === colon;
}

/** The position after the fraction that may begin at 19. */
function endOfFraction(text: string): number {
  if (text.charCodeAt(19) !== 0x2e) return 19;
  let at = 20;
  while (isDigit(text.charCodeAt(at))) at++;
  if (at === 20) throw badTime();
  return at;
}

/** The offset in seconds. Go reads hour 24 and minute 60, so they can have been stored. */
function parseZone(text: string, at: number): number {
  const sign = text.charCodeAt(at);
  if (sign === 0x5a && text.length === at + 1) return 0;
  const hour = numberAt(text, at + 1, 2);
  const minute = numberAt(text, at + 4, 2);
  if (text.length !== at + 6 || text.charCodeAt(at + 3) !== 0x3a || hour > 24 || minute > 60)
    throw badTime();
  const offset = (hour * 60 + minute) * 60;
  if (sign === 0x2b) return offset;
  if (sign !== 0x2d) throw badTime();
  return offset === 0 ? 0 : -offset;
}

function numberAt(text: string, at: number, width: number): number {
  let value = 0;
  for (let next = at; next < at + width; next++) {
    const code = text.charCodeAt(next);
    if (!isDigit(code)) throw badTime();
    value = value * 10 + code - 0x30;
  }
  return value;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Order by instant, whatever the zones: negative, zero or positive. */
export function compareTimes(a: Timestamp, b: Timestamp): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}

function badTime(): TsbakError {
  return new TsbakError("corrupt", "Cannot read time: the text is not an RFC 3339 time");
}

/** Number of days of a month, 1 to 12. */
export function daysInMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
}

function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_ERA + dayOfEra - DAYS_BEFORE_1970;
}
