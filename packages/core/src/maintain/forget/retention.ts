/**
 * A policy for a second place of backups, to which snapshots come from a first one. Pure: nothing is read, brought or removed.
 *
 * What the policy would remove at once must not come, else it would come again after each removal. So it is applied to what is there and what may
 * come as if all of it were there already. Policies are such that what they have refused once they go on to refuse, as long as what they took
 * instead is in one of both places (decision 17).
 *
 * @module
 */
import { compareTimes, parseTime } from "../../format/time.ts";
import { groupSnapshots } from "../../repository/group-snapshots.ts";
import type { SnapshotEntry, SnapshotFilter } from "../../repository/snapshots.ts";
import { findDistrusted } from "./distrusted.ts";
import { planForget, type ForgetGroup, type ForgetPlanOptions } from "./plan-forget.ts";

/** What a second place keeps, whatever the first one keeps. */
export interface RetentionPlan extends Omit<ForgetPlanOptions, "findDistrusted"> {
  /** Other snapshots of the second place are left alone. */
  readonly filter?: SnapshotFilter | undefined;
}

/** A snapshot that is in one of both places or in both. */
export interface TwoPlaces {
  readonly source: SnapshotEntry | undefined;
  /** What it is in the second place. */
  readonly target: SnapshotEntry | undefined;
}

/**
 * What becomes of the snapshots that are there, in the groups of which the source has any; others may be of other sources, or of machines
 * that are no more.
 *
 * @throws {TsbakError} as `planForget`.
 */
export function planRetention(
  snapshots: readonly TwoPlaces[],
  retention: RetentionPlan,
): ForgetGroup[] {
  const all = ofSourceGroups(snapshots, retention);
  return plan(
    all.map((group) => group.filter(({ target }) => target !== undefined)),
    findReasons(all, retention),
    retention,
  );
}

/** The groups of which the source has any. */
function ofSourceGroups(
  snapshots: readonly TwoPlaces[],
  { groupBy }: RetentionPlan,
): (readonly TwoPlaces[])[] {
  const known = byId(snapshots);
  return groupSnapshots(snapshots.map(entryOf), groupBy)
    .map(({ entries }) => entries.map(({ id }) => known.get(id)!))
    .filter((group) => group.some(({ source }) => source !== undefined));
}

function byId(snapshots: readonly TwoPlaces[]): ReadonlyMap<string, TwoPlaces> {
  return new Map(snapshots.map((both) => [entryOf(both).id, both]));
}

function plan(
  groups: readonly (readonly TwoPlaces[])[],
  distrusted: ReadonlyMap<string, string>,
  retention: RetentionPlan,
): ForgetGroup[] {
  const known = byId(groups.flat());
  const options = {
    ...retention,
    findDistrusted: (entries: readonly SnapshotEntry[]) =>
      new Map(
        entries.flatMap(({ id }) => {
          const reason = distrusted.get(id);
          return reason === undefined ? [] : [[id, reason] as const];
        }),
      ),
  };
  const planned = planForget(groups.flat().map(entryOf), options);
  return planned.map((group) => withOwnIds(group, known));
}

/** The group as it is told: each snapshot under an id that it has somewhere. */
function withOwnIds(group: ForgetGroup, known: ReadonlyMap<string, TwoPlaces>): ForgetGroup {
  const own = (entry: SnapshotEntry): SnapshotEntry => {
    const { target, source } = known.get(entry.id)!;
    return target ?? source ?? entry;
  };
  const { keep, remove, distrusted, shrink } = group;
  return {
    ...group,
    group: { ...group.group, entries: group.group.entries.map(own) },
    keep: keep.map(({ entry, reasons }) => ({ entry: own(entry), reasons })),
    remove: remove.map(own),
    distrusted: new Map(
      Array.from(distrusted, ([id, reason]) => [own(entryOf(known.get(id)!)).id, reason]),
    ),
    shrink: shrink && { ...shrink, newest: own(shrink.newest) },
  };
}

/**
 * Which snapshots of the source are to come: those that the policy keeps. If the newest of a group is suspiciously small, so are all that are newer
 * than what is there, because the policy is not to be believed then.
 *
 * @throws {TsbakError} as `planForget`.
 */
export function findWanted(
  snapshots: readonly TwoPlaces[],
  retention: RetentionPlan,
): ReadonlySet<string> {
  const present = new Set(snapshots.flatMap(({ target }) => target?.id ?? []));
  const wanted = new Set<string>();
  // Whether something may be removed is not the question.
  const wishes = { ...retention, allowShrink: true, limit: undefined };
  const groups = ofSourceGroups(snapshots, retention);
  for (const { keep, remove, shrink } of plan(groups, findReasons(groups, retention), wishes)) {
    for (const { entry } of keep) wanted.add(entry.id);
    if (shrink === undefined || retention.allowShrink === true) continue;
    const there = keep.map(({ entry }) => entry).concat(remove);
    const newest = newestTime(there.filter(({ id }) => present.has(id)));
    if (newest === undefined) continue;
    for (const entry of remove) {
      if (compareTimes(parseTime(entry.snapshot.time), newest) > 0) wanted.add(entry.id);
    }
  }
  return new Set([...wanted].filter((id) => !present.has(id)));
}

/** What has no id there yet counts as older than all others of the same instant, so that what is there is not exchanged for it. */
function entryOf({ source, target }: TwoPlaces): SnapshotEntry {
  if (target !== undefined) return target;
  const entry = source!;
  return { ...entry, id: `to come ${entry.id}` };
}

function newestTime(entries: readonly SnapshotEntry[]): ReturnType<typeof parseTime> | undefined {
  const times = entries.map(({ snapshot }) => parseTime(snapshot.time));
  return times.sort(compareTimes).at(-1);
}

/**
 * Whose time is not believed. When a file was written in one place says nothing about the other, so each place is judged by its own. What is
 * in the source is judged there, because that is where it was made: it may have been copied long after; and together with all that the source has,
 * also what does not come.
 */
function findReasons(
  groups: readonly (readonly TwoPlaces[])[],
  { nowMs }: RetentionPlan,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const group of groups) {
    const sources = group.flatMap(({ source }) => source ?? []);
    const targets = group.flatMap(({ target }) => target ?? []);
    const [atSource, atTarget] = [findDistrusted(sources, nowMs), findDistrusted(targets, nowMs)];
    for (const both of group) {
      const { source, target } = both;
      const isDated = source?.modifiedMs !== undefined || target === undefined;
      const reason = isDated ? atSource.get(source!.id) : atTarget.get(target.id);
      if (reason !== undefined) found.set(entryOf(both).id, reason);
    }
  }
  return found;
}
