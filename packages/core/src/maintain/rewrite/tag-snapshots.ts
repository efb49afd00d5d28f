import type { Repository } from "../../repository/repository.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { changeTags, type TagWish } from "./change-tags.ts";
import {
  SnapshotReplacer,
  type ReplacerOptions,
  type SnapshotChange,
} from "./replace-snapshots.ts";

/** Options of `tagSnapshots`. */
export interface TagOptions extends ReplacerOptions, TagWish {
  /** Told of each snapshot that was replaced. */
  readonly onChange?: ((change: SnapshotChange) => void) | undefined;
}

/**
 * Give snapshots other tags. As their files never change, each is replaced by a new one that names the first of them as its original;
 * those with the right tags stay. The old ones go to the trash. Call it under an exclusive lock. Gives what was replaced.
 */
export async function tagSnapshots(
  repository: Repository,
  snapshots: readonly SnapshotEntry[],
  options: TagOptions,
): Promise<SnapshotChange[]> {
  const replacer = await SnapshotReplacer.open(repository, options);
  const changes: SnapshotChange[] = [];
  for (const old of snapshots) {
    const tags = changeTags(old.snapshot.tags, options);
    if (tags === undefined) continue;
    const original = old.snapshot.original ?? old.id;
    const change = await replacer.replace(old, { ...old.snapshot, tags, original }, true);
    options.onChange?.(change);
    changes.push(change);
  }
  return changes;
}
