import type { CallOptions } from "../backend/backend.ts";
import { compareTimes, parseTime } from "../format/time.ts";
import type { Repository } from "../repository/repository.ts";
import { findSnapshot, listSnapshots, type SnapshotEntry } from "../repository/snapshots.ts";

/** What a snapshot must have in common with its parent. */
export interface ParentGrouping {
  readonly host: boolean;
  readonly paths: boolean;
  /** The parent has all the tags; without tags this says nothing. */
  readonly tags: boolean;
}

/** What the coming snapshot is known to be. */
export interface ParentQuery {
  readonly hostname: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[];
  /** Host and paths if absent. */
  readonly groupBy?: ParentGrouping | undefined;
  /** RFC 3339 time of the coming snapshot: a parent is not newer. */
  readonly time: string;
  /** A parent that the user names. */
  readonly parent?: string | undefined;
  /** Read everything again. */
  readonly force?: boolean | undefined;
}

/**
 * The snapshot to compare with: the newest of the same host that has all the paths (restic format, section 9), or of the group that
 * the user asks for, unless another is named.
 */
export async function findParent(
  repository: Repository,
  query: ParentQuery,
  options: CallOptions = {},
): Promise<SnapshotEntry | undefined> {
  if (query.force === true) return undefined;
  if (query.parent !== undefined) return findSnapshot(repository, query.parent, {}, options);
  const group = query.groupBy ?? { host: true, paths: true, tags: false };
  const filter = {
    hosts: group.host ? [query.hostname] : [],
    paths: group.paths ? query.paths : [],
    tagLists: group.tags ? [query.tags] : [],
  };
  const fitting = await listSnapshots(repository, filter, {
    ...options,
    // A damaged snapshot is no parent, and no reason not to make a new one.
    onDamaged: () => undefined,
  });
  const limit = parseTime(query.time);
  return fitting.findLast(({ snapshot }) => compareTimes(parseTime(snapshot.time), limit) <= 0);
}
