import { compareTimes, parseTime, type Timestamp } from "../../format/time.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";

/** So many snapshots before the newest are compared with it. */
const COMPARED = 14;
/** A newest snapshot with less than this part of what is usual is suspicious. */
const SHARE = 0.5;
/** What is smaller goes up and down as it likes. */
const FEWEST_FILES = 10;
const FEWEST_BYTES = 1 << 20;

/** How much smaller the newest snapshot of a group is than those before it. */
export interface Shrink {
  readonly newest: SnapshotEntry;
  readonly files: { readonly now: number; readonly usual: number };
  readonly bytes: { readonly now: number; readonly usual: number };
}

/**
 * Whether the newest snapshot of a group has less than half of the files or bytes that are usual, as it has when a disk was not mounted, or
 * somebody has deleted or packed up what should be saved. Usual is the median of the 14 before; those up to the time
 * `acceptedTime` are left out, because somebody has seen the difference. Snapshots without a summary say nothing.
 */
export function findShrink(
  entries: readonly SnapshotEntry[],
  acceptedTime?: string,
): Shrink | undefined {
  const sorted = entries.toSorted((a, b) => compareTimes(timeOf(b), timeOf(a)));
  const [newest, ...earlier] = sorted;
  const summary = newest?.snapshot.summary;
  if (newest === undefined || summary === undefined) return undefined;
  const accepted = acceptedTime === undefined ? undefined : parseTime(acceptedTime);
  const compared = earlier
    .filter((entry) => entry.snapshot.summary !== undefined)
    .filter((entry) => accepted === undefined || compareTimes(timeOf(entry), accepted) >= 0)
    .slice(0, COMPARED)
    .map((entry) => entry.snapshot.summary!);
  if (compared.length === 0) return undefined;
  const files = {
    now: summary.totalFilesProcessed,
    usual: median(compared.map(({ totalFilesProcessed }) => totalFilesProcessed)),
  };
  const bytes = {
    now: summary.totalBytesProcessed,
    usual: median(compared.map(({ totalBytesProcessed }) => totalBytesProcessed)),
  };
  const isFewer = files.usual >= FEWEST_FILES && files.now < files.usual * SHARE;
  const isLess = bytes.usual >= FEWEST_BYTES && bytes.now < bytes.usual * SHARE;
  return isFewer || isLess ? { newest, files, bytes } : undefined;
}

function timeOf({ snapshot }: SnapshotEntry): Timestamp {
  return parseTime(snapshot.time);
}

/** The middle one; of two in the middle the smaller. */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1] ?? 0;
}
