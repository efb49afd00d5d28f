import { TsbakError } from "../../errors.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { TreeLoader } from "../../repository/tree-loader.ts";
import { TreeStore, type TreeStoreOptions } from "../../repository/tree-store.ts";
import { addTags } from "./change-tags.ts";
import { repairRules, type RepairFinding } from "./repair-rules.ts";
import {
  replaceSnapshots,
  type ReplaceOptions,
  type SnapshotChange,
  type SnapshotPlan,
} from "./replace-snapshots.ts";
import { TreeRewriter } from "./tree-rewriter.ts";

/** How snapshots are repaired. */
export interface RepairSnapshotsOptions extends TreeStoreOptions, ReplaceOptions {
  readonly onSnapshot?: ((snapshot: SnapshotEntry) => void) | undefined;
  /** Told of each entry that was changed, while the snapshot is looked at. */
  readonly onFinding?: ((finding: RepairFinding) => void) | undefined;
}

/** What came of a repair. */
export interface RepairedSnapshots {
  readonly changes: SnapshotChange[];
  /** Snapshots of which nothing is left. Only with `forget` they are removed. */
  readonly lost: SnapshotEntry[];
}

/**
 * Make snapshots that can be restored from those that cannot any more: what is lost of them is cut out (see `RepairFindingKind`). Without
 * `forget` the old ones stay and the new ones get the tag `repaired`. What the index says is believed, so `repair index` comes first.
 * Call it under an exclusive lock, unless it is a dry run.
 *
 * @throws {TsbakError} `corrupt` if the index names packs that are not there: what they hold would be taken for present.
 */
export async function repairSnapshots(
  repository: Repository,
  snapshots: readonly SnapshotEntry[],
  options: RepairSnapshotsOptions = {},
): Promise<RepairedSnapshots> {
  const index = await repository.loadIndex(options);
  await refuseMissingPacks(repository, index, options);
  const store = new TreeStore(repository, index, options);
  const rules = repairRules(index, (finding) => options.onFinding?.(finding));
  const trees = new TreeLoader(repository, index, options);
  const rewriter = new TreeRewriter(trees, store, rules, options);
  const plans: SnapshotPlan[] = [];
  for (const old of snapshots) {
    options.onSnapshot?.(old);
    const { id: tree } = await rewriter.rewrite(old.snapshot.tree);
    if (tree !== old.snapshot.tree) plans.push({ old, snapshot: repaired(old, tree, options) });
  }
  await store.finish();
  const changes = await replaceSnapshots(repository, plans, options);
  const lost = plans.filter(({ snapshot }) => snapshot === undefined).map(({ old }) => old);
  return { changes, lost };
}

function repaired(
  { id, snapshot }: SnapshotEntry,
  tree: string | undefined,
  { forget }: RepairSnapshotsOptions,
): SnapshotPlan["snapshot"] {
  if (tree === undefined) return undefined;
  const tags = forget === true ? snapshot.tags : addTags(snapshot.tags, ["repaired"]);
  return { ...snapshot, tree, tags, original: id };
}

async function refuseMissingPacks(
  repository: Repository,
  index: BlobIndex,
  options: RepairSnapshotsOptions,
): Promise<void> {
  const present = new Set(await repository.listNames("pack", options));
  const missing = index.packs.filter((name) => !present.has(name)).length;
  if (missing === 0) return;
  throw new TsbakError(
    "corrupt",
    `Cannot repair snapshots: the index names ${missing} ${missing === 1 ? "pack that is" : "packs that are"} not there; ` +
      `if they cannot be brought back from a copy, run "tsbak repair index" first`,
  );
}
