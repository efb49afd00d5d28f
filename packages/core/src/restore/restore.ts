/**
 * Write a snapshot, or a part of it, to a directory.
 *
 *   (1) Nothing is created, changed or removed outside the target, whatever the snapshot or the target holds.
 *   (2) A file whose contents cannot be had whole is not left behind, and is reported by its path. After an interruption its parts
 *       stay under another name, and the next restore goes on with them.
 *   (3) An error of one entry does not keep another from being restored.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { anySignal } from "../async/any-signal.ts";
import type { CallOptions } from "../backend/backend.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import type { AttributeRule } from "../fs/attribute-rule.ts";
import type { PatternList } from "../fs/filter.ts";
import { OwnerIds } from "../fs/owner-ids.ts";
import { absolutePath, toPathBytes } from "../fs/path.ts";
import { RootedDirectory } from "../fs/rooted.ts";
import {
  freshTarget,
  isDirectory,
  isFileSystemRoot,
  makeTarget,
  type FreshTarget,
} from "../fs/target.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import { findTree } from "../repository/find-tree.ts";
import type { Repository } from "../repository/repository.ts";
import { letGo, type ReadAhead } from "../repository/snapshot-search.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { moduleUrl } from "../workers/module-url.ts";
import { WorkerPool } from "../workers/worker-pool.ts";
import { carryOut, type Writing } from "./carry-out.ts";
import { HeldNotices } from "./held-notices.ts";
import { makeMetadataSetter } from "./metadata-setter.ts";
import { awaitPermission } from "./permission.ts";
import { planRestore } from "./plan.ts";
import type { RestorePlan } from "./restore-plan.ts";
import { RestoreProgress, type RestoreCounts, type RestoreNotice } from "./progress.ts";
import type { Overwrite, RestoreResult, RestoreSetup, RestoreTask } from "./protocol.ts";
import { RestoreSelection, type IncludeList } from "./select.ts";
import { settleStanding } from "./settle-standing.ts";
import { TargetState } from "./target-state.ts";
import { takeBack } from "./take-back.ts";

/** Directories that all threads together keep open: a process may have no more than a thousand descriptors. */
const OPEN_DIRECTORIES = 600;
/** Those of one thread: files of a pack lie in few. */
const LEAST_OPEN = 16;

/** What to restore and how. */
export interface RestoreOptions extends CallOptions {
  /** Only what one of these lists matches, and its parents. Patterns see paths from the root of what is restored. */
  readonly include?: readonly IncludeList[] | undefined;
  /** Each list on its own excludes what it matches. */
  readonly exclude?: readonly PatternList[] | undefined;
  /** What is done about files that are there: `always` unless given. */
  readonly overwrite?: Overwrite | undefined;
  /** Delete what the snapshot does not have: in directories that are restored, and only what is selected. */
  readonly delete?: boolean | undefined;
  /** Change nothing, and tell and count what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Read the restored files again, and compare them. */
  readonly verify?: boolean | undefined;
  /** Which extended attributes are restored: all unless given. The others are left as they are. */
  readonly attributes?: AttributeRule | undefined;
  /** Leave blobs of zeros as holes in files. */
  readonly sparse?: boolean | undefined;
  /** Give files to users and groups of the recorded names, where this machine has them, instead of those of the recorded ids. */
  readonly ownershipByName?: boolean | undefined;
  /**
   * Before it resolves it is not certain that the restore goes on, as under a lock that settles later: nothing is told, and nothing that
   * stands in the target is touched. If it rejects, with what is thrown then, all goes that was made where nothing stood.
   */
  readonly mayWrite?: Promise<void> | undefined;
  /** The index, where it was loaded before. `mayWrite` has to reject if it is not the repository's. */
  readonly index?: BlobIndex | undefined;
  /** What was read of the snapshot before. It counts if it has the same index. The restore lets go of it. */
  readonly ahead?: ReadAhead | undefined;
  /** Called when nothing more is read from the repository: a lock on it may go while the last touches are put to the target. */
  readonly onAllRead?: (() => void) | undefined;
  /** Worker threads; one more than the machine has cores if absent. */
  readonly threads?: number | undefined;
  /** Threads that were started before the repository was opened, instead of new ones. */
  readonly workers?: RestorePool | undefined;
  readonly onEvent?: ((notice: RestoreNotice) => void) | undefined;
  /** Tell `onEvent` of every entry. */
  readonly reportItems?: boolean | undefined;
}

/** The worker threads of a restore. */
export type RestorePool = WorkerPool<RestoreTask, RestoreResult>;

/** What came of a restore. */
export interface RestoreSummary extends RestoreCounts {
  /** Files that were to be restored, hard links among them. */
  readonly totalFiles: number;
  /** Bytes of their contents; a file with several names counts once. */
  readonly totalBytes: number;
  /** Files that were read again and are right; absent unless that was wanted. */
  readonly verified?: number | undefined;
}

/**
 * Restore a snapshot to the directory `target`, which is made if it is missing. What files there hold that they should is not
 * fetched; what the snapshot does not have stays unless `delete` is given. With `subPath` that directory of the snapshot becomes
 * the root.
 *
 * Entries that cannot be restored are told to `onEvent` and counted in `errors`.
 *
 * @throws {TsbakError} `invalid-argument` if everything that is not in the snapshot would be deleted from this machine, `not-found` if `subPath` is not in the snapshot, `denied` if the target cannot be used, `no-space`,
 * `unavailable`, or `interrupted`.
 */
export async function restore(
  repository: Repository,
  snapshot: SnapshotEntry & { readonly subPath?: string | undefined },
  target: string | Uint8Array,
  options: RestoreOptions = {},
): Promise<RestoreSummary> {
  const { signal } = options;
  const path = absolutePath(typeof target === "string" ? toPathBytes(target) : target);
  // The threads load their code while the index is read.
  const pool = options.workers ?? startRestoreWorkers(options.threads);
  const interrupt = (): void => pool.interrupt();
  signal?.addEventListener("abort", interrupt, { once: true });
  const { certain, refused } = awaitPermission(options.mayWrite);
  const progress = new RestoreProgress(heldUntil(certain, options), options.reportItems ?? false);
  let fresh: FreshTarget | undefined;
  let root: RootedDirectory | undefined;
  let plan: RestorePlan | undefined;
  try {
    const index = options.index ?? (await repository.loadIndex({ signal }));
    const ahead = options.ahead?.trees.index === index ? options.ahead : undefined;
    if (ahead === undefined) letGo(options.ahead);
    const { tree: top } = snapshot.snapshot;
    const tree = await findTree(repository, top, snapshot.subPath ?? "", { signal });
    refuseDisaster(path, options);
    fresh = options.dryRun === true ? undefined : freshTarget(path);
    if (fresh === undefined) await certain;
    root = openTarget(path, fresh !== undefined, options);
    // Planning makes directories then.
    if (root?.makesMissing !== true) await certain;
    pool.begin(describeWork(repository, path, { root, threads: pool.size }, options));
    const trees = ahead?.trees ?? new TreeReader(repository, index, { signal });
    plan = await makePlan(tree, { index, trees, progress, root }, options);
    const overwrite = options.overwrite ?? "always";
    const finishes = options.dryRun !== true;
    await settleStanding({ overwrite, finishes }, { plan, index, pool, progress, root, signal });
    progress.setTotals({ files: plan.fileNames, bytes: plan.bytes });
    const contents = ahead?.contents;
    const work = { repository, index, plan, pool, progress, root, overwrite, ahead: contents };
    const writing = { ...work, certain, signal: anySignal(signal, refused) };
    const verified = await carryOut(writing, path, options);
    return {
      ...progress.counts,
      totalFiles: plan.fileNames,
      totalBytes: plan.bytes,
      verified,
    };
  } catch (error) {
    // Whatever fails where it may not go on fails because of that.
    const reason = await certain.then(
      () => error,
      (refusal: unknown) => refusal,
    );
    throw asInterrupted(reason, signal);
  } finally {
    signal?.removeEventListener("abort", interrupt);
    letGo(options.ahead);
    await pool.close();
    root?.close();
    if (refused.aborted && root !== undefined && fresh !== undefined) takeBack(fresh, path, plan);
  }
}

/** Where to tell things; nobody is told anything before it is certain that the restore goes on. */
function heldUntil(
  certain: Promise<void>,
  { onEvent }: RestoreOptions,
): ((notice: RestoreNotice) => void) | undefined {
  if (onEvent === undefined) return undefined;
  const notices = new HeldNotices(onEvent);
  certain.then(
    () => notices.release(),
    () => undefined,
  );
  return (notice) => notices.tell(notice);
}

async function makePlan(
  tree: string,
  parts: Pick<Writing, "index" | "progress" | "root"> & { readonly trees: TreeReader },
  options: RestoreOptions,
): Promise<RestorePlan> {
  const { include = [], exclude = [], signal } = options;
  const isDryRun = options.dryRun ?? false;
  const clearsDirectories = options.delete === true && options.overwrite !== "never";
  const { index, trees, progress, root } = parts;
  const plan = await planRestore(tree, {
    index,
    trees,
    selection: new RestoreSelection(include, exclude),
    progress,
    owners: options.ownershipByName === true ? new OwnerIds() : undefined,
    signal,
    target: new TargetState(root, { isDryRun, clearsDirectories }),
    notesStrangers: options.delete ?? false,
  });
  // Packs of trees are not wanted any more.
  trees.clear();
  return plan;
}

/**
 * Start threads for one restore, one more than the machine has cores if not said, as they wait for the disk, to be handed to it. They load their code at once,
 * while the caller opens the repository. The process does not end before they are closed: by the end of the restore, or, if it
 * comes to none, by whoever started them; closing them twice does no harm.
 */
export function startRestoreWorkers(threads: number = availableParallelism() + 1): RestorePool {
  return new WorkerPool(moduleUrl("restore/worker"), threads);
}

/** What the threads are told, who open the target. */
function describeWork(
  repository: Repository,
  target: Uint8Array,
  { root, threads }: { readonly root: RootedDirectory | undefined; readonly threads: number },
  { sparse = false, attributes }: RestoreOptions,
): RestoreSetup {
  const makesMissing = root?.makesMissing === true;
  const openDirectories = Math.max(Math.floor(OPEN_DIRECTORIES / threads), LEAST_OPEN);
  const key = repository.masterKey;
  return { key, target, makesMissing, openDirectories, sparse, attributes };
}

/** Undefined if nothing is to be changed and the target is not there. */
function openTarget(
  path: Uint8Array,
  isFresh: boolean,
  options: RestoreOptions,
): RootedDirectory | undefined {
  if (options.dryRun !== true) makeTarget(path);
  else if (!isDirectory(path)) return undefined;
  const metadata = makeMetadataSetter(options.attributes);
  // Where something stands, it is to be known before contents are fetched for it.
  return new RootedDirectory(path, { metadata, makesMissing: isFresh });
}

function refuseDisaster(path: Uint8Array, options: RestoreOptions): void {
  const hasPatterns = [options.include, options.exclude].some((lists) => lists?.length);
  if (options.delete !== true || hasPatterns || !isFileSystemRoot(path)) return;
  throw new TsbakError(
    "invalid-argument",
    "Cannot restore to / and delete what the snapshot does not have: that would be most of the system; say with include or exclude patterns where to delete",
  );
}

/** An aborted signal shows in many ways; the caller sees one. */
function asInterrupted(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted !== true || isTsbakError(error, "no-space")) return error;
  return new TsbakError(
    "interrupted",
    "Cannot finish restore: it was interrupted; run it again to go on",
    { cause: error },
  );
}
