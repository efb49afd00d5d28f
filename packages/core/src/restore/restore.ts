/**
 * Write a snapshot, or a part of it, to a directory.
 *
 *   (1) Nothing is created, changed or removed outside the target, whatever the snapshot or the target holds.
 *   (2) A file whose contents cannot be had whole is not left behind, and is reported by its path.
 *   (3) An error of one entry does not keep another from being restored.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { throwIfAborted } from "../async/interrupted.ts";
import type { CallOptions } from "../backend/backend.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import type { PatternList } from "../fs/filter.ts";
import { OwnerIds } from "../fs/owner-ids.ts";
import { absolutePath, toPathBytes } from "../fs/path.ts";
import { RootedDirectory } from "../fs/rooted.ts";
import { makeTarget } from "../fs/target.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import { findTree } from "../repository/find-tree.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import { moduleUrl } from "../workers/module-url.ts";
import { WorkerPool } from "../workers/worker-pool.ts";
import { ContentWriter } from "./contents.ts";
import { describeFailure } from "./describe-failure.ts";
import { finishDirectories } from "./finish-directories.ts";
import { FileLedger } from "./file-ledger.ts";
import { restoreFlags } from "./flags.ts";
import { planRestore, type RestorePlan } from "./plan.ts";
import { RestoreProgress, type RestoreCounts, type RestoreNotice } from "./progress.ts";
import type { RestoreResult, RestoreSetup, RestoreTask } from "./protocol.ts";
import { RestoreSelection } from "./select.ts";
import { restoreSpecials } from "./specials.ts";

/** What to restore and how. */
export interface RestoreOptions extends CallOptions {
  /** Only what one of these lists matches, and its parents. Patterns see paths from the root of what is restored. */
  readonly include?: readonly PatternList[] | undefined;
  /** Each list on its own excludes what it matches. */
  readonly exclude?: readonly PatternList[] | undefined;
  /** Leave blobs of zeros as holes in files. */
  readonly sparse?: boolean | undefined;
  /** Give files to users and groups of the recorded names, where this machine has them, instead of those of the recorded ids. */
  readonly ownershipByName?: boolean | undefined;
  /** Worker threads; as many as the machine has cores if absent. */
  readonly threads?: number | undefined;
  readonly onEvent?: ((notice: RestoreNotice) => void) | undefined;
  /** Tell `onEvent` of every entry. */
  readonly reportItems?: boolean | undefined;
}

/** What came of a restore. */
export interface RestoreSummary extends RestoreCounts {
  /** Files that were to be restored, hard links among them. */
  readonly totalFiles: number;
  /** Bytes of their contents; a file with several names counts once. */
  readonly totalBytes: number;
}

/**
 * Restore a snapshot to the directory `target`, which is made if it is missing. Files that stand there are replaced, directories
 * are kept, and what the snapshot does not have stays. With `subPath` that directory of the snapshot becomes the root.
 *
 * Entries that cannot be restored are told to `onEvent` and counted in `errors`.
 *
 * @throws {TsbakError} `not-found` if `subPath` is not in the snapshot, `denied` if the target cannot be used, `no-space`,
 * `unavailable`, or `interrupted`; files that were not whole by then are removed.
 */
export async function restore(
  repository: Repository,
  snapshot: SnapshotEntry & { readonly subPath?: string | undefined },
  target: string | Uint8Array,
  options: RestoreOptions = {},
): Promise<RestoreSummary> {
  const progress = new RestoreProgress(options.onEvent, options.reportItems ?? false);
  const { signal } = options;
  const index = await repository.loadIndex({ signal });
  const path = absolutePath(typeof target === "string" ? toPathBytes(target) : target);
  const tree = await findTree(repository, snapshot.snapshot.tree, snapshot.subPath ?? "", {
    signal,
  });
  makeTarget(path);
  const root = new RootedDirectory(path);
  const pool = startWorkers(repository, path, options);
  const interrupt = (): void => pool.interrupt();
  signal?.addEventListener("abort", interrupt, { once: true });
  try {
    const plan = await makePlan(tree, { repository, index, progress, root }, options);
    const totals = { files: plan.fileNames, bytes: plan.bytes };
    progress.setTotals(totals);
    await writePlan({ repository, index, plan, pool, progress, root, signal });
    return { ...progress.counts, totalFiles: totals.files, totalBytes: totals.bytes };
  } catch (error) {
    throw asInterrupted(error, signal);
  } finally {
    signal?.removeEventListener("abort", interrupt);
    await pool.close();
    root.close();
  }
}

/** A function of its own, so that the packs which its tree loader keeps are let go when it is done. */
function makePlan(
  tree: string,
  parts: Pick<Writing, "repository" | "index" | "progress" | "root">,
  { include = [], exclude = [], ownershipByName, signal }: RestoreOptions,
): Promise<RestorePlan> {
  const { repository, index, progress, root } = parts;
  return planRestore(tree, {
    index,
    trees: new TreeLoader(repository, index, { signal }),
    selection: new RestoreSelection(include, exclude),
    progress,
    owners: ownershipByName === true ? new OwnerIds() : undefined,
    signal,
    makeDirectory: (directory) => tryMakeDirectory(root, directory),
  });
}

interface Writing {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly plan: RestorePlan;
  readonly pool: WorkerPool<RestoreTask, RestoreResult>;
  readonly progress: RestoreProgress;
  readonly root: RootedDirectory;
  readonly signal: AbortSignal | undefined;
}

async function writePlan(writing: Writing): Promise<void> {
  const { plan, pool, progress, root, signal } = writing;
  const ledger = new FileLedger(plan, root, progress);
  try {
    await new ContentWriter({ ...writing, ledger }).write();
  } catch (error) {
    ledger.removeUnfinished();
    throw error;
  }
  throwIfAborted(signal);
  restoreSpecials(plan, root, progress);
  throwIfAborted(signal);
  await finishDirectories(plan, pool, progress);
  restoreFlags(plan, root, progress);
  progress.tellRefusals();
}

function startWorkers(
  repository: Repository,
  target: Uint8Array,
  options: RestoreOptions,
): WorkerPool<RestoreTask, RestoreResult> {
  const setup: RestoreSetup = {
    key: repository.masterKey,
    target,
    sparse: options.sparse ?? false,
  };
  const threads = options.threads ?? availableParallelism();
  const module = moduleUrl(import.meta.url, "restore/worker");
  return new WorkerPool<RestoreTask, RestoreResult>(module, threads).begin(setup);
}

function tryMakeDirectory(root: RootedDirectory, path: Uint8Array): string | undefined {
  try {
    root.makeDirectory(path);
    return undefined;
  } catch (error) {
    return describeFailure(error);
  }
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
