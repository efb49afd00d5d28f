/**
 * Save sources as a new snapshot.
 *
 * A backup may be killed between any two writes. The repository stays whole, and every earlier snapshot with it, because:
 *
 *   (1) Packs are durable before an index names them, and the index before the snapshot refers to its blobs.
 *   (2) Nothing is ever changed or removed but our own lock.
 *   (3) What an index names is known to the next backup, which therefore does not store it again.
 *
 * @module
 */
import { hostname, userInfo } from "node:os";
import { isTsbakError, TsbakError } from "../errors.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { formatTime } from "../format/time.ts";
import { OwnerNames } from "../fs/owners.ts";
import { absolutePath, printablePath, toPathBytes } from "../fs/path.ts";
import { statFile } from "../fs/stat.ts";
import { localNow } from "../fs/local-time.ts";
import type { HeldLock } from "../repository/locks.ts";
import { underLocks } from "../repository/under-locks.ts";
import type { Repository } from "../repository/repository.ts";
import { saveSnapshot, type SnapshotEntry } from "../repository/snapshots.ts";
import type { BackupOptions, BackupSummary } from "./backup-options.ts";
import { explainPath, type Explanation } from "./explain.ts";
import { findParent } from "./find-parent.ts";
import { BackupProgress } from "./progress.ts";
import { scanSources } from "./scan.ts";
import type { ListingSetup } from "./protocol.ts";
import type { Selection } from "./select.ts";
import { createLister, createSelection } from "./create-lister.ts";
import { planSources, type SourceNode } from "./sources.ts";
import { nameSources } from "./stored-path.ts";
import { BackupStore, startBackupWorkers, type StoreOptions } from "./store.ts";
import { saveStream, type StreamSource } from "./stream.ts";
import { Walker } from "./walker.ts";

/**
 * Save `sources` (paths of files and folders) as a snapshot. Sources and entries that cannot be read are left out, told to
 * `onEvent` and counted in `errors`: the snapshot is then incomplete.
 *
 * @throws {TsbakError} `invalid-argument` if there is no source that exists, `locked`, or `interrupted`; what was
 * stored until then is kept for the next backup.
 */
export async function backup(
  repository: Repository,
  sources: readonly (string | Uint8Array)[],
  options: BackupOptions = {},
): Promise<BackupSummary> {
  const progress = new BackupProgress(options.onEvent, options.reportItems);
  const existing = existingSources(sources.map(pathBytes), progress);
  const named = nameSources(existing, options);
  const paths = named.map(({ storedAs }) => Buffer.from(absolutePath(storedAs)).toString());
  return run(repository, paths, options, progress, (store, parent) => {
    const plan = planSources(named);
    const setup = describeListing(repository, options);
    const selection = createSelection(setup);
    if (options.scan === true) startScan(plan, selection, store.signal, progress);
    const walker = new Walker({
      directories: store.directories,
      files: store.files,
      lister: createLister(store.index, setup),
      trees: store.trees,
      selection,
      progress,
      metadata: { ...setup, owners: new OwnerNames() },
      signal: store.signal,
      saveTree: (bytes) => store.saveTree(bytes),
    });
    return walker.walk(plan, parent);
  });
}

function startScan(
  plan: SourceNode,
  selection: Selection,
  signal: AbortSignal,
  progress: BackupProgress,
): void {
  scanSources(plan, selection, signal).then(
    (totals) => progress.setTotals(totals),
    // Only the totals are missing then; what is wrong shows in the backup itself.
    () => undefined,
  );
}

function describeListing(repository: Repository, options: BackupOptions): ListingSetup {
  const cache = repository.cache?.directory;
  return {
    patterns: (options.exclude ?? []).map((list) => list.source),
    oneFileSystem: options.oneFileSystem ?? false,
    cacheDirectory: cache === undefined ? undefined : absolutePath(toPathBytes(cache)),
    tagFiles: options.excludeIfPresent ?? [],
    ignoreFileNames: options.ignoreFileNames ?? [],
    largestSize: options.excludeLargerThan,
    withAtime: options.withAtime ?? false,
    withBirthTime: options.withBirthTime ?? false,
    withInodeFlags: options.withInodeFlags ?? false,
    ignoreInode: options.ignoreInode ?? false,
    ignoreCtime: options.ignoreCtime ?? false,
    reportItems: options.reportItems ?? false,
  };
}

/** Explain for each of `paths` whether `backup` with the same sources and options would save it, without saving anything. */
export function explainBackup(
  repository: Repository,
  sources: readonly (string | Uint8Array)[],
  paths: readonly (string | Uint8Array)[],
  options: BackupOptions = {},
): Explanation[] {
  const named = nameSources(sources.map(pathBytes), options);
  const selection = createSelection(describeListing(repository, options));
  return paths.map((path) => explainPath(pathBytes(path), named, selection));
}

/** Save what a stream gives as one file; its path in the snapshot is `/name`. */
export async function backupStream(
  repository: Repository,
  source: StreamSource,
  options: BackupOptions = {},
): Promise<BackupSummary> {
  const progress = new BackupProgress(options.onEvent, options.reportItems);
  const path = `/${source.name.replace(/^\/+/, "")}`;
  return run(repository, [path], options, progress, (store) =>
    saveStream(repository, source, store, progress),
  );
}

async function run(
  repository: Repository,
  paths: readonly string[],
  options: BackupOptions,
  progress: BackupProgress,
  saveContents: (store: BackupStore, parentTree: string | undefined) => Promise<string>,
): Promise<BackupSummary> {
  const startedAt = formatTime(localNow());
  // The threads load their code while the repository is locked and its index read.
  const pool = options.workers ?? startBackupWorkers(options.threads);
  try {
    const lock = options.dryRun === true ? undefined : await lockRepository(repository, options);
    return await underLocks([lock], options.signal, async (signal) => {
      try {
        const time = options.time ?? startedAt;
        const host = options.hostname ?? hostname();
        const { parent: named, force, groupBy, tags = [] } = options;
        const query = { hostname: host, paths, tags, time, parent: named, force, groupBy };
        // While the index is read.
        const finding = findParent(repository, query, { signal });
        // A failure is met where the parent is needed, which may be later.
        finding.catch(() => undefined);
        const mayWrite = lock?.settled ?? Promise.resolve();
        const tree = await storeContents(
          repository,
          { ...options, pool, signal, mayWrite },
          progress,
          async (store) => saveContents(store, (await finding)?.snapshot.tree),
        );
        const parent = await finding;
        const endedAt = formatTime(localNow());
        const summary = { ...progress.counts, tree, parent: parent?.id, startedAt, endedAt };
        if (options.dryRun === true || isSkipped(options, parent, tree)) {
          return { ...summary, snapshot: undefined };
        }
        signal.throwIfAborted();
        await mayWrite;
        const snapshot = describeSnapshot(paths, { ...options, hostname: host, time }, summary);
        const saved = await saveSnapshot(repository, snapshot);
        return { ...summary, snapshot: saved };
      } finally {
        // Nothing is under way any more when the lock goes.
        await pool.close();
      }
    });
  } catch (error) {
    throw asInterrupted(error, options.signal);
  } finally {
    await pool.close();
  }
}

async function storeContents(
  repository: Repository,
  options: BackupOptions & Pick<StoreOptions, "pool" | "signal" | "mayWrite">,
  progress: BackupProgress,
  save: (store: BackupStore) => Promise<string>,
): Promise<string> {
  const store = await BackupStore.open(repository, progress, {
    pool: options.pool,
    signal: options.signal,
    mayWrite: options.mayWrite,
    dryRun: options.dryRun ?? false,
    compression: options.compression ?? "auto",
    packSize: options.packSize ?? 16 << 20,
    extraVerify: options.extraVerify ?? true,
    listing: describeListing(repository, options),
  });
  try {
    const tree = await save(store);
    await store.finish();
    return tree;
  } catch (error) {
    await store.salvage();
    throw error;
  }
}

function lockRepository(repository: Repository, options: BackupOptions): Promise<HeldLock> {
  return repository.lock({
    exclusive: false,
    // The wait of the lock protocol passes while the index is read.
    settleLater: options.retryLockMs === undefined || options.retryLockMs === 0,
    signal: options.signal,
    retryMs: options.retryLockMs,
    onWait: (error, waitMs) =>
      options.onEvent?.({ kind: "waiting", message: error.message, waitMs }),
  });
}

function existingSources(
  sources: readonly Uint8Array[],
  progress: BackupProgress,
): readonly Uint8Array[] {
  const existing = sources.filter((path) => {
    try {
      statFile(path);
      return true;
    } catch {
      progress.error(path, "no such file or directory (ENOENT)");
      return false;
    }
  });
  if (existing.length > 0) return existing;
  throw new TsbakError(
    "invalid-argument",
    sources.length === 0
      ? "Cannot back up: nothing was named; give at least one file or folder"
      : `Cannot back up ${printablePath(sources[0] as Uint8Array)}: none of the sources exists; check the paths`,
  );
}

function describeSnapshot(
  paths: readonly string[],
  options: BackupOptions & { hostname: string; time: string },
  summary: Omit<BackupSummary, "snapshot">,
): Snapshot {
  const user = userInfo();
  return {
    time: options.time,
    parent: summary.parent,
    tree: summary.tree,
    paths: [...paths],
    hostname: options.hostname,
    username: user.username,
    uid: Math.max(user.uid, 0),
    gid: Math.max(user.gid, 0),
    excludes: [...(options.recordedExcludes ?? [])],
    tags: [...(options.tags ?? [])],
    original: undefined,
    programVersion: options.programVersion ?? "tsbak",
    summary: { ...summary, backupStart: summary.startedAt, backupEnd: summary.endedAt, extra: {} },
    extra: {},
  };
}

function isSkipped(
  options: BackupOptions,
  parent: SnapshotEntry | undefined,
  tree: string,
): boolean {
  return options.skipIfUnchanged === true && parent?.snapshot.tree === tree;
}

/** An aborted signal shows in many ways, from the file system to the workers; the caller sees one. */
function asInterrupted(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted !== true || isTsbakError(error, "interrupted")) return error;
  return new TsbakError(
    "interrupted",
    "Cannot finish backup: it was interrupted; what was stored is kept, run it again to go on",
    { cause: error },
  );
}

function pathBytes(path: string | Uint8Array): Uint8Array {
  return typeof path === "string" ? toPathBytes(path) : path;
}
