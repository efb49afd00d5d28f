/**
 * Values that people write on the command line or in the environment. All functions throw commander's
 * `InvalidArgumentError`, which commander extends by the name of the flag.
 *
 * @module
 */
import type { Overwrite, TagFile, UnusedLimit } from "@tsbak/core";
import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};
const MIB = 2 ** 20;

/** Milliseconds from a duration as Go writes it: `5m`, `1h30m`, `0.5s`, `0`. Not negative. */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new InvalidArgumentError('Write a duration such as "5m" or "1h30m".');
  }
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNIT_MS[unit ?? ""]!, 0);
}

/** Milliseconds between two looks at something: a duration of at least a second. */
export function parseInterval(text: string): number {
  const duration = parseDuration(text);
  if (duration >= 1000) return duration;
  throw new InvalidArgumentError("Write a duration of at least a second, such as 5m.");
}

/** Bytes from a size with or without a suffix, which is a power of 1024: `100`, `10M`, `1g`. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text);
  const size = Number(match?.[1]) * (UNIT_BYTES[match?.[2]?.toLowerCase() ?? ""] ?? NaN);
  if (Number.isSafeInteger(Math.floor(size))) return Math.floor(size);
  throw new InvalidArgumentError('Write a size such as "500K" or "10G".');
}

/** A share of unused data, a number of bytes, or no limit. */
export function parseUnusedLimit(text: string): UnusedLimit {
  const limit = text.trim();
  if (limit === "unlimited") return { bytes: Infinity };
  if (!limit.endsWith("%")) return { bytes: parseSize(limit) };
  const percent = /^\d+(?:\.\d+)?%$/.test(limit) ? Number.parseFloat(limit) : NaN;
  if (percent < 100) return { share: percent / 100 };
  throw new InvalidArgumentError(
    'Write a share below 100%, a size such as "200M", or "unlimited".',
  );
}

/** A tag file from its name, or name and header with a colon between. */
export function parseTagFile(text: string): TagFile {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  if (name === "") throw new InvalidArgumentError('Write the name of a file, such as ".nobackup".');
  return { name, header: colon < 0 ? "" : text.slice(colon + 1) };
}

/** Bytes from a pack size in MiB. */
export function parsePackSize(text: string): number {
  const size = /^\d+$/.test(text) ? Number(text) : NaN;
  if (size === 0) return 16 * MIB;
  if (size >= 4 && size <= 128) return size * MIB;
  throw new InvalidArgumentError("Write a number of MiB from 4 to 128.");
}

/** Bytes a second from KiB a second; 0 is no limit, and so is what is below, as in restic. */
export function parseRate(text: string): number {
  if (/^-?\d{1,12}$/.test(text)) return Math.max(Number(text) * 1024, 0);
  throw new InvalidArgumentError("Write a whole number of KiB a second.");
}

/** A positive number. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Write a positive number.");
}

/** A number of threads; 0 leaves it to the program. */
export function parseThreads(text: string): number {
  return text === "0" ? 0 : parseCount(text);
}

/** RFC 3339 time from `2012-11-01 22:08:41` in local time, as a snapshot records it. */
export function parseLocalTime(text: string): string {
  const match = /^(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})$/.exec(text);
  const numbers = match?.slice(1).map(Number) ?? [];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
  const date = new Date(year, month - 1, day, hour, minute, second);
  // A day that does not exist is moved by Date; an hour that the change of clocks left out may be.
  const isReal = date.getDate() === day && date.getMonth() === month - 1 && hour < 24;
  if (match === null || !isReal || minute > 59 || second > 59) {
    throw new InvalidArgumentError("Write a local time such as '2012-11-01 22:08:41'.");
  }
  return text.replace(" ", "T") + zoneText(-date.getTimezoneOffset());
}

/**
 * RFC 3339 time from a day with or without an hour: `2012-11-01`, `01.11.2012 22:08`, `2012-11-01 22:08:41 -0700`, in local
 * time unless a zone follows.
 */
export function parseMoment(text: string): string {
  const match =
    /^(?:(\d{4}-\d{2}-\d{2})|(\d{2})\.(\d{2})\.(\d{4}))(?: (\d{2}:\d{2})(:\d{2})?(?: (UTC|GMT|[+-]\d{4}))?)?$/.exec(
      text,
    );
  if (match === null) {
    throw new InvalidArgumentError("Write a time such as '2012-11-01' or '2012-11-01 22:08:41'.");
  }
  const [, day, europeanDay, month, year, minutes = "00:00", seconds = ":00", zone] = match;
  const date = day ?? `${year}-${month}-${europeanDay}`;
  const local = parseLocalTime(`${date} ${minutes}${seconds}`);
  if (zone === undefined) return local;
  const isNumber = /^[+-]/.test(zone);
  return `${local.slice(0, 19)}${isNumber ? `${zone.slice(0, 3)}:${zone.slice(3)}` : "Z"}`;
}

function zoneText(minutes: number): string {
  if (minutes === 0) return "Z";
  const pair = (value: number): string => String(Math.trunc(value)).padStart(2, "0");
  const ahead = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${pair(ahead / 60)}:${pair(ahead % 60)}`;
}

/** The tags of a comma list, without blanks around them; the empty text is the list of one empty tag. */
export function parseTags(text: string): readonly string[] {
  return text.split(",").map((tag) => tag.trim());
}

/** What snapshots are grouped by. */
export interface Grouping {
  readonly host: boolean;
  readonly paths: boolean;
  readonly tags: boolean;
}

/** A grouping from a comma list of host, paths and tags. */
export function parseGrouping(text: string): Grouping {
  const names = text === "" ? [] : parseTags(text);
  for (const name of names) {
    if (!/^(hosts?|paths?|tags?)$/.test(name)) {
      throw new InvalidArgumentError("Group by host, paths and tags, separated by commas.");
    }
  }
  const has = (start: string): boolean => names.some((name) => name.startsWith(start));
  return { host: has("host"), paths: has("path"), tags: has("tag") };
}

/** How hard to compress, as the flag says it. */
export type CompressionFlag = "auto" | "off" | "fastest" | "better" | "max";

/** A compression level. */
export function parseCompression(text: string): CompressionFlag {
  if (/^(auto|off|fastest|better|max)$/.test(text)) return text as CompressionFlag;
  throw new InvalidArgumentError("Choose one of auto, off, fastest, better and max.");
}

/** A rule for overwriting. */
export function parseOverwrite(text: string): Overwrite {
  if (/^(always|if-changed|if-newer|never)$/.test(text)) return text as Overwrite;
  throw new InvalidArgumentError("Choose one of always, if-changed, if-newer and never.");
}
