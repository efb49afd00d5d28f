import type { SnapshotEntry } from "./snapshots.ts";

/** What the snapshots of one group have in common. */
export interface SnapshotGrouping {
  readonly host: boolean;
  readonly paths: boolean;
  readonly tags: boolean;
}

/** What they have in common; undefined where it does not count. Lists are sorted. */
export interface SnapshotGroupKey {
  readonly host: string | undefined;
  readonly paths: readonly string[] | undefined;
  readonly tags: readonly string[] | undefined;
}

/** Snapshots that have something in common. */
export interface SnapshotGroup extends SnapshotGroupKey {
  readonly entries: readonly SnapshotEntry[];
}

/**
 * The groups, sorted by what they have in common; entries stay in their order. Paths are sorted in them, and tags if they count, as restic
 * shows them. Where nothing is to be common there is one group, or none.
 */
export function groupSnapshots(
  entries: readonly SnapshotEntry[],
  by: SnapshotGrouping,
): SnapshotGroup[] {
  const groups = new Map<string, SnapshotGroupKey & { readonly entries: SnapshotEntry[] }>();
  for (const entry of entries) {
    const { hostname, paths, tags } = entry.snapshot;
    const key: SnapshotGroupKey = {
      host: by.host ? hostname : undefined,
      paths: by.paths ? [...paths].sort() : undefined,
      tags: by.tags ? [...tags].sort() : undefined,
    };
    const name = JSON.stringify(key);
    const sorted = withSortedLists(entry, key);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { ...key, entries: [sorted] });
    else group.entries.push(sorted);
  }
  return [...groups.keys()].sort().map((name) => groups.get(name) as SnapshotGroup);
}

function withSortedLists(
  entry: SnapshotEntry,
  { tags = entry.snapshot.tags }: SnapshotGroupKey,
): SnapshotEntry {
  const paths = [...entry.snapshot.paths].sort();
  return { ...entry, snapshot: { ...entry.snapshot, paths, tags: [...tags] } };
}
