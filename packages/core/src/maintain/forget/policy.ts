/**
 * Which snapshots a policy keeps: the rules of restic (`internal/data/snapshot_policy.go`), as a pure function.
 *
 * @module
 */
import { compareTimes, parseTime, type Timestamp } from "../../format/time.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { localDate, type LocalDate } from "./local-date.ts";
import {
  before,
  formatTimeSpan,
  isEmptySpan,
  type TimeSpan,
  type ZoneOffset,
} from "./time-span.ts";

/** The periods of which a snapshot each is kept, in the order of restic's reasons. */
export const PERIODS = ["hourly", "daily", "weekly", "monthly", "yearly"] as const;

/** One of `PERIODS`. */
export type Period = (typeof PERIODS)[number];

/** Which snapshots to keep. A snapshot stays if one rule wants it; 0, an empty span or list, and what is absent want none. */
export interface KeepPolicy {
  /** How many of the newest; `Infinity` for all. */
  readonly last?: number | undefined;
  /** The newest of each of so many hours, days, ... that have any; `Infinity` for all. */
  readonly counts?: Readonly<Partial<Record<Period, number>>> | undefined;
  /** All that are not older than the newest one by more than this. */
  readonly within?: TimeSpan | undefined;
  /** The newest of each hour, day, ... in such a span before the newest one. */
  readonly spans?: Readonly<Partial<Record<Period, TimeSpan>>> | undefined;
  /** Those that have all tags of one of the lists; `[""]` means those without tags. */
  readonly tagLists?: readonly (readonly string[])[] | undefined;
}

/** Of where and when a policy is applied. */
export interface PolicySetting {
  /** Milliseconds since 1970. What is later does not count as the newest snapshot for the spans. */
  readonly nowMs: number;
  /** Of this machine, for spans across a change of clocks. */
  readonly zoneOffset: ZoneOffset;
}

/** A snapshot that is kept, and why, in restic's words. */
export interface KeptSnapshot {
  readonly entry: SnapshotEntry;
  readonly reasons: readonly string[];
}

/** What a policy makes of a group. Newest first. */
export interface PolicyOutcome {
  readonly keep: readonly KeptSnapshot[];
  readonly remove: readonly SnapshotEntry[];
}

/** A rule that keeps the first snapshot of each period, or every one. */
interface Bucket {
  readonly keyOf: (date: LocalDate, index: number) => number;
  /** How restic calls it. */
  readonly reason: string;
  /** Only what is later counts. */
  readonly after: Timestamp | undefined;
  left: number;
  lastKey: number;
}

const KEYS: Readonly<Record<Period, (date: LocalDate) => number>> = {
  hourly: ({ year, month, day, hour }) => ((year * 100 + month) * 100 + day) * 100 + hour,
  daily: ({ year, month, day }) => (year * 100 + month) * 100 + day,
  weekly: ({ weekYear, week }) => weekYear * 100 + week,
  monthly: ({ year, month }) => year * 100 + month,
  yearly: ({ year }) => year,
};

/** True if no rule keeps anything. */
export function isEmptyPolicy(policy: KeepPolicy): boolean {
  const { last = 0, counts = {}, within, spans = {}, tagLists = [] } = policy;
  const numbers = [last, ...Object.values(counts)];
  const lengths = [within, ...Object.values(spans)];
  return (
    tagLists.length === 0 &&
    numbers.every((count) => count === 0) &&
    lengths.every((span) => span === undefined || isEmptySpan(span))
  );
}

/**
 * Decide about the snapshots of one group. The newest of each period wins, by the calendar of the zone that each snapshot was made in; while a
 * count is not used up, the oldest of the group is kept too. Of two snapshots of the same instant that with the lower id counts as newer.
 */
export function applyPolicy(
  entries: readonly SnapshotEntry[],
  policy: KeepPolicy,
  setting: PolicySetting,
): PolicyOutcome {
  const list = newestFirst(entries);
  const newest = newestOf(list, setting.nowMs);
  const start = (span: TimeSpan): Timestamp => before(newest, span, setting.zoneOffset);
  const counted = countedBuckets(policy);
  const spanned = spannedBuckets(policy, start);
  const { within, tagLists = [] } = policy;
  const all = within === undefined || isEmptySpan(within) ? undefined : start(within);
  const keep: KeptSnapshot[] = [];
  const remove: SnapshotEntry[] = [];
  for (const [index, { entry, time }] of list.entries()) {
    const place = { time, date: localDate(time), index, isOldest: index === list.length - 1 };
    const reasons = [
      ...tagLists
        .filter((tags) => hasTags(entry, tags))
        .map((tags) => `has tags ${tagListText(tags)}`),
      ...(all !== undefined && compareTimes(time, all) > 0
        ? [`within ${formatTimeSpan(within!)}`]
        : []),
      ...takePlaces(counted, place),
      ...takePlaces(spanned, place),
    ];
    if (reasons.length > 0) keep.push({ entry, reasons });
    else remove.push(entry);
  }
  return { keep, remove };
}

interface TimedEntry {
  readonly entry: SnapshotEntry;
  readonly time: Timestamp;
}

function newestFirst(entries: readonly SnapshotEntry[]): TimedEntry[] {
  return entries
    .map((entry) => ({ entry, time: parseTime(entry.snapshot.time) }))
    .sort((a, b) => compareTimes(b.time, a.time) || (a.entry.id < b.entry.id ? -1 : 1));
}

/** The newest time that is not in the future; if all are, one before all others. */
function newestOf(list: readonly TimedEntry[], nowMs: number): Timestamp {
  const past = list.find(({ time }) => time.seconds * 1000 + time.nanoseconds / 1e6 < nowMs);
  return past?.time ?? { seconds: -62_135_596_800, nanoseconds: 0, offsetSeconds: 0 };
}

function countedBuckets({ last = 0, counts = {} }: KeepPolicy): Bucket[] {
  const always = (_: LocalDate, index: number): number => index;
  const buckets = [
    { keyOf: always, reason: "last snapshot", left: last },
    ...PERIODS.map((period) => ({
      keyOf: KEYS[period],
      reason: `${period} snapshot`,
      left: counts[period] ?? 0,
    })),
  ];
  return buckets
    .filter(({ left }) => left > 0)
    .map((bucket) => ({ ...bucket, after: undefined, lastKey: -1 }));
}

function spannedBuckets(
  { spans = {} }: KeepPolicy,
  start: (span: TimeSpan) => Timestamp,
): Bucket[] {
  return PERIODS.flatMap((period) => {
    const span = spans[period];
    if (span === undefined || isEmptySpan(span)) return [];
    const reason = `${period} within ${formatTimeSpan(span)}`;
    return [{ keyOf: KEYS[period], reason, after: start(span), left: Infinity, lastKey: -1 }];
  });
}

interface Place {
  readonly time: Timestamp;
  readonly date: LocalDate;
  readonly index: number;
  readonly isOldest: boolean;
}

/** The reasons of all buckets that take the snapshot, each of which notes that it did. */
function takePlaces(buckets: readonly Bucket[], place: Place): string[] {
  const reasons: string[] = [];
  for (const bucket of buckets) {
    if (bucket.left === 0) continue;
    if (bucket.after !== undefined && compareTimes(place.time, bucket.after) <= 0) continue;
    const key = bucket.keyOf(place.date, place.index);
    const isNew = key !== bucket.lastKey;
    if (!isNew && !place.isOldest) continue;
    bucket.lastKey = key;
    bucket.left--;
    reasons.push(isNew ? bucket.reason : `oldest ${bucket.reason}`);
  }
  return reasons;
}

/** `[a, b]`, as restic prints a list of tags. */
export function tagListText(tags: readonly string[]): string {
  return `[${tags.join(", ")}]`;
}

/** As in restic, the empty tag ends the list for a snapshot without tags. */
function hasTags({ snapshot }: SnapshotEntry, tags: readonly string[]): boolean {
  for (const tag of tags) {
    if (tag === "" && snapshot.tags.length === 0) return true;
    if (!snapshot.tags.includes(tag)) return false;
  }
  return true;
}
