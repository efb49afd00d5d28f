import { NO_COUNTS, type Snapshot, type SnapshotSummary } from "../../format/snapshot.ts";
import { ZERO_TIME } from "../../format/time.ts";
import type { PatternList } from "../../fs/filter.ts";
import type { Repository } from "../../repository/repository.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { TreeLoader } from "../../repository/tree-loader.ts";
import { TreeStore, type TreeStoreOptions } from "../../repository/tree-store.ts";
import { addTags } from "./change-tags.ts";
import {
  replaceSnapshots,
  type ReplaceOptions,
  type SnapshotChange,
  type SnapshotPlan,
} from "./replace-snapshots.ts";
import { excludeRules, includeRules } from "./select-rules.ts";
import { TreeRewriter, type RewriteRules } from "./tree-rewriter.ts";

/** What is to be changed, and how. */
export interface RewriteOptions extends TreeStoreOptions, ReplaceOptions {
  /** What one of these lists matches goes. Not together with `include`. */
  readonly exclude?: readonly PatternList[] | undefined;
  /** Only what one of these lists matches stays. A snapshot in which that is nothing is left as it is. */
  readonly include?: readonly PatternList[] | undefined;
  readonly hostname?: string | undefined;
  /** RFC 3339. */
  readonly time?: string | undefined;
  /** Count files and bytes even if nothing else asks for it, for snapshots of old versions of restic. */
  readonly addSummary?: boolean | undefined;
  readonly onSnapshot?: ((snapshot: SnapshotEntry) => void) | undefined;
  /** Told of each entry that an exclude list matches, or each file that an include list does. */
  readonly onMatch?: ((path: Uint8Array) => void) | undefined;
}

/**
 * Make new snapshots from these with other contents, host or time, as restic's `rewrite` does. First all trees are rewritten and
 * made durable, then the snapshots are written: if one of them cannot be rewritten, none is. Call it under a lock. Gives what was
 * changed; those of which nothing changes are not among it. New snapshots get the tag `rewrite` unless the old ones go.
 *
 * @throws {TsbakError} as `TreeRewriter.rewrite`.
 */
export async function rewriteSnapshots(
  repository: Repository,
  snapshots: readonly SnapshotEntry[],
  options: RewriteOptions,
): Promise<SnapshotChange[]> {
  const index = await repository.loadIndex(options);
  const store = new TreeStore(repository, index, options);
  const trees = new TreeLoader(repository, index, options);
  const rules = rulesOf(options);
  const rewriter = rules && new TreeRewriter(trees, store, rules, options);
  const plans: SnapshotPlan[] = [];
  for (const old of snapshots) {
    options.onSnapshot?.(old);
    const snapshot = await rewriteOne(rewriter, old, options);
    if (snapshot !== undefined) plans.push({ old, snapshot });
  }
  await store.finish();
  return replaceSnapshots(repository, plans, options);
}

function rulesOf(options: RewriteOptions): RewriteRules | undefined {
  const { include = [], exclude = [], onMatch } = options;
  if (include.length > 0) return includeRules(include, onMatch);
  if (exclude.length > 0 || options.addSummary === true) return excludeRules(exclude, onMatch);
  return undefined;
}

/** The new snapshot, or undefined if it would be the old one. */
async function rewriteOne(
  rewriter: TreeRewriter | undefined,
  { id, snapshot }: SnapshotEntry,
  { hostname, time, forget }: RewriteOptions,
): Promise<Snapshot | undefined> {
  const rewritten = await rewriter?.rewrite(snapshot.tree);
  if (rewritten !== undefined && rewritten.id === undefined) return undefined;
  const tree = rewritten?.id ?? snapshot.tree;
  const summary = rewritten === undefined ? snapshot.summary : countedSummary(snapshot, rewritten);
  const isSame = tree === snapshot.tree && summary === snapshot.summary;
  if (isSame && hostname === undefined && time === undefined) return undefined;
  return {
    ...snapshot,
    tree,
    summary,
    // An empty name of a host leaves it, as in restic.
    hostname: hostname || snapshot.hostname,
    time: time ?? snapshot.time,
    original: id,
    tags: forget === true ? snapshot.tags : addTags(snapshot.tags, ["rewrite"]),
  };
}

/** The summary with these counts: the same object if they are right already. */
function countedSummary(
  { summary }: Snapshot,
  { files, bytes }: { files: number; bytes: number },
): SnapshotSummary {
  if (summary?.totalFilesProcessed === files && summary.totalBytesProcessed === bytes)
    return summary;
  const counts = { totalFilesProcessed: files, totalBytesProcessed: bytes };
  return { ...(summary ?? EMPTY_SUMMARY), ...counts };
}

/** What restic writes for a snapshot of which nothing else is known. */
const EMPTY_SUMMARY: SnapshotSummary = {
  backupStart: ZERO_TIME,
  backupEnd: ZERO_TIME,
  ...NO_COUNTS,
  extra: {},
};
