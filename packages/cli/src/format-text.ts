/**
 * Sizes, durations and times as restic prints them.
 *
 * @module
 */
import type { Environment } from "./environment.ts";

const UNITS: readonly string[] = ["KiB", "MiB", "GiB", "TiB"];

/** `7 B`, `1.283 KiB`, `12.000 GiB`. */
export function formatSize(bytes: number, decimals = 3): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${value.toFixed(decimals)} ${UNITS[unit]}`;
}

/** `0:07`, `12:34`, `1:02:03`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hour, minute, second] = [
    Math.floor(whole / 3600),
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  const tail = `${String(second).padStart(2, "0")}`;
  return hour === 0 ? `${minute}:${tail}` : `${hour}:${String(minute).padStart(2, "0")}:${tail}`;
}

/** `2006-01-02 15:04:05` in local time, from an RFC 3339 text. */
export function formatLocalTime(time: string): string {
  // Date knows no more than milliseconds, which are cut off here anyway.
  const date = new Date(time.replace(/\.(\d{3})\d*/, ".$1"));
  if (Number.isNaN(date.getTime())) return time;
  const pair = (value: number): string => String(value).padStart(2, "0");
  const day = `${String(date.getFullYear()).padStart(4, "0")}-${pair(date.getMonth() + 1)}-${pair(date.getDate())}`;
  return `${day} ${pair(date.getHours())}:${pair(date.getMinutes())}:${pair(date.getSeconds())}`;
}

/** What zone `formatLocalTime` goes by, in restic's words: the one that `TZ` names, or the machine's own. */
export function describeZone(environment: Environment): string {
  const zone = environment["TZ"];
  if (zone === undefined) return "Timestamps shown in local time";
  return `Timestamps shown in ${zone.replace(/^:/, "") || "UTC"}`;
}

/** `1 file`, `2 files`. */
export function formatCount(
  count: number,
  singular: string,
  plural: string = `${singular}s`,
): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

/**
 * A name for the terminal: control characters, which could move the cursor, become `\\xNN` for each of their bytes, as
 * in paths.
 */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) =>
    Array.from(
      new TextEncoder().encode(character),
      (byte) => `\\x${byte.toString(16).padStart(2, "0")}`,
    ).join(""),
  );
}
