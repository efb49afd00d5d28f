/**
 * Copying to a target with a retention of its own.
 *
 * @module
 */
import type { Repository } from "../../repository/repository.ts";
import { listSnapshots, matchesFilter, type SnapshotEntry } from "../../repository/snapshots.ts";
import { applyRetention, type Retention, type RetentionReport } from "../forget/apply-retention.ts";
import { findWanted, planRetention, type TwoPlaces } from "../forget/retention.ts";
import { withExclusiveLock, type ExclusiveOptions } from "../repair/exclusive-lock.ts";
import { CopyFinder } from "./find-copy.ts";
import type { SnapshotCopier } from "./snapshot-copier.ts";

/** Copy those that the target would keep. Where one of them cannot be copied, that may be another one than it would be otherwise. */
export async function copyWanted(
  copier: SnapshotCopier,
  entries: readonly SnapshotEntry[],
  copies: readonly SnapshotEntry[],
  retention: Retention,
): Promise<void> {
  const done = new Set<string>();
  for (;;) {
    const failed = new Set(copier.failed.map(({ source }) => source.id));
    const there = [...copies, ...copier.copied.map(({ copy }) => copy)];
    const left = entries.filter(({ id }) => !failed.has(id));
    const pairs = pairSnapshots(left, there, retention);
    const wanted = findWanted(pairs, retention);
    const found = new Set(
      pairs.flatMap(({ source, target }) => (target ? (source?.id ?? []) : [])),
    );
    const next = left.filter(({ id }) => !done.has(id) && (wanted.has(id) || found.has(id)));
    for (const { id } of next) done.add(id);
    const failures = copier.failed.length;
    await copier.copyAll(next);
    if (copier.failed.length > failures) continue;
    for (const entry of left) if (!done.has(entry.id)) copier.leaveOut(entry);
    return;
  }
}

/** Forget at the target what it does not keep. It is locked only if there is anything. */
export async function forgetCopies(
  target: Repository,
  entries: readonly SnapshotEntry[],
  retention: Retention,
  options: ExclusiveOptions,
): Promise<RetentionReport> {
  const planNow = async (signal?: AbortSignal): Promise<ReturnType<typeof planRetention>> => {
    const there = await listSnapshots(target, {}, { signal, onDamaged: () => undefined });
    return planRetention(pairSnapshots(entries, there, retention), retention);
  };
  const groups = await planNow(options.signal);
  if (groups.every(({ remove }) => remove.length === 0)) {
    return applyRetention(target, groups, retention, options);
  }
  return withExclusiveLock(target, options, async (call) =>
    applyRetention(target, await planNow(call.signal), retention, call),
  );
}

/** What is in either of both places, each with what it is in the other. */
function pairSnapshots(
  entries: readonly SnapshotEntry[],
  copies: readonly SnapshotEntry[],
  { filter = {} }: Retention,
): TwoPlaces[] {
  const finder = new CopyFinder(copies);
  const sources = new Map<string, SnapshotEntry>();
  const coming: TwoPlaces[] = [];
  for (const source of entries) {
    const copy = finder.find(source);
    if (copy === undefined) coming.push({ source, target: undefined });
    else sources.set(copy.id, source);
  }
  const there = copies
    .filter(({ id, snapshot }) => sources.has(id) || matchesFilter(snapshot, filter))
    .map((target) => ({ target, source: sources.get(target.id) }));
  return [...there, ...coming];
}
