/**
 * Snapshots whose time cannot be believed. The policy goes by times alone, so a wrong clock, or somebody who can only add snapshots,
 * could make it remove the good ones: by a snapshot "of" each of the last days, each a little newer than the real one.
 *
 * What the store says about when a file was written is not in the hand of whoever writes snapshots. But it is often later than the time of
 * the snapshot, and rightly so: after `copy`, `rewrite`, `tag`, a mirrored repository, or `backup --time`. See decision 15.
 *
 * @module
 */
import { parseTime } from "../../format/time.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Clocks of two machines may differ by an hour that one of them did not change, and some minutes. */
const FUTURE_MS = 2 * HOUR_MS;
/** Before there was restic: what claims so is no time, as 1970 of stores that keep none. */
const FIRST_MS = Date.UTC(2014, 0, 1);

interface Dated {
  readonly id: string;
  readonly timeMs: number;
  /** Undefined if the store does not tell. */
  readonly writtenMs: number | undefined;
}

/**
 * Those snapshots of a group whose time is not believed, by their ids, each with the reason in few words:
 *
 *   (1) It lies in the future by more than two hours.
 *   (2) It lies more than a day after the file was written. No copy makes a file older.
 *   (3) The file is younger than the time by more than a day, and was written more than a day after that of a snapshot which claims to be
 *       newer. So all of a repository that was copied or rewritten as a whole is believed, and what was put in between is not.
 */
export function findDistrusted(
  entries: readonly SnapshotEntry[],
  nowMs: number,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const believed: Dated[] = [];
  for (const dated of entries.map(dateOf)) {
    const reason = whyAhead(dated, nowMs);
    if (reason === undefined) believed.push(dated);
    else found.set(dated.id, reason);
  }
  for (const id of putInBetween(believed))
    found.set(id, "time earlier than its place in the store");
  return found;
}

function dateOf({ id, snapshot, modifiedMs }: SnapshotEntry): Dated {
  const { seconds, nanoseconds } = parseTime(snapshot.time);
  const writtenMs = modifiedMs !== undefined && modifiedMs >= FIRST_MS ? modifiedMs : undefined;
  return { id, timeMs: seconds * 1000 + nanoseconds / 1e6, writtenMs };
}

function whyAhead({ timeMs, writtenMs }: Dated, nowMs: number): string | undefined {
  if (timeMs > nowMs + FUTURE_MS) return "time in the future";
  if (writtenMs !== undefined && timeMs > writtenMs + DAY_MS) return "time later than its file";
  return undefined;
}

function putInBetween(snapshots: readonly Dated[]): string[] {
  const sorted = snapshots
    .filter(
      (dated): dated is Dated & { readonly writtenMs: number } => dated.writtenMs !== undefined,
    )
    .sort((a, b) => b.timeMs - a.timeMs);
  const found: string[] = [];
  // When the first file was written of all snapshots that claim to be as new or newer.
  let firstMs = Infinity;
  let next = 0;
  for (const { id, timeMs, writtenMs } of sorted) {
    for (; next < sorted.length && sorted[next]!.timeMs >= timeMs; next++) {
      firstMs = Math.min(firstMs, sorted[next]!.writtenMs);
    }
    if (writtenMs > timeMs + DAY_MS && writtenMs > firstMs + DAY_MS) found.push(id);
  }
  return found;
}
