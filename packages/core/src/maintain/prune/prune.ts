/**
 * Remove what no snapshot needs, while others go on working.
 *
 *   (1) Under a shared lock, beside backups: find what is used, move it out of packs that are to go, write the index of the new packs,
 *       and an index for what stays of the index files that are to go. Nothing is removed.
 *   (2) Under an exclusive lock, for a moment: look what appeared meanwhile and spare what it needs; then remove the old index files.
 *   (3) Under a shared lock again: remove the packs, which no index lists any more.
 *
 * It may be killed between any two of its writes. Whatever snapshots need is listed by some index and there at any instant: new packs are
 * durable before the index lists them, and that before anything is removed; a pack goes after all index files that listed it. What is
 * left behind are packs that no index lists, or blobs that are stored twice; the next prune takes both into account.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import type { CallOptions } from "../../backend/backend.ts";
import { removeFiles } from "../../backend/remove-files.ts";
import type { HeldLock } from "../../repository/locks.ts";
import type { Repository } from "../../repository/repository.ts";
import { confirmLocks, underLocks } from "../../repository/under-locks.ts";
import { PackMap } from "../verify/pack-map.ts";
import { BlobMarks, createMarks } from "./blob-marks.ts";
import { checkOptions } from "./check-options.ts";
import { IndexFiles } from "./index-files.ts";
import { LateComers, throwIfMissing, type Condemned } from "./late-comers.ts";
import { lockExclusively, signalOf, waitTeller } from "./prune-locks.ts";
import { markUsed, startMarking, type MarkPool } from "./mark-used.ts";
import { PACK_KINDS, PackTable } from "./pack-table.ts";
import { planPrune, type PrunePlan } from "./plan.ts";
import type { PruneEvent, PruneOptions, PrunePhase, PruneReport } from "./prune-options.ts";
import { repackBlobs, type RepackCall } from "./repack.ts";
import { emptyStatistics, type PruneStatistics } from "./statistics.ts";
import { TrashCare } from "./trash-care.ts";

/** To remove that many packs by each connection takes no longer than to exchange the exclusive lock for a shared one. */
const FEW_ROUNDS = 10;

/** Prepares everything for the exclusive phase. */
interface Prepared {
  readonly map: PackMap;
  readonly condemned: Condemned;
  /** Index files that are to be removed. */
  readonly replaced: ReadonlySet<string>;
  readonly postponedPacks: number;
  readonly sparedPacks: number;
}

/**
 * Remove from a repository what no snapshot needs. See the module comment.
 *
 * @throws {TsbakError} `locked` if others did not end in time: nothing was removed then, and what was repacked serves the next prune.
 * @throws {TsbakError} `corrupt` if a snapshot or a tree cannot be read, or anything that is needed is missing: nothing was removed.
 * @throws {TsbakError} `invalid-argument` for wishes that contradict each other; `interrupted`.
 */
export async function prune(
  repository: Repository,
  options: PruneOptions = {},
): Promise<PruneReport> {
  checkOptions(repository, options);
  const threads = options.threads ?? usualThreads(repository);
  const pool = startMarking(threads);
  try {
    return await new PruneRun(repository, { ...options, threads }, pool).run();
  } finally {
    await pool.close();
    repository.dropIndex();
  }
}

/** See `PruneOptions.threads`. */
function usualThreads({ backend }: Repository): number {
  const cores = availableParallelism();
  return backend.openFile === undefined ? cores : Math.max(Math.floor(cores / 2), 1);
}

type ChosenOptions = PruneOptions & { readonly threads: number };

class PruneRun {
  readonly #repository: Repository;
  readonly #options: ChosenOptions;
  readonly #pool: MarkPool;
  readonly #startMs = performance.now();
  readonly #trash: TrashCare;
  readonly #files: IndexFiles;
  readonly #shared = createMarks(0);
  readonly #marks = new BlobMarks(this.#shared);
  readonly #late: LateComers;
  readonly #statistics: PruneStatistics = emptyStatistics();

  constructor(repository: Repository, options: ChosenOptions, pool: MarkPool) {
    this.#repository = repository;
    this.#options = options;
    this.#pool = pool;
    this.#files = new IndexFiles(repository);
    this.#trash = new TrashCare(repository, (message) => this.#tell({ kind: "warning", message }));
    this.#late = new LateComers(repository, this.#files, this.#marks, {
      spare: (call) => this.#trash.listGrace(call),
      ...options,
    });
  }

  async run(): Promise<PruneReport> {
    const report = await this.#prune();
    if (this.#options.dryRun !== true) await this.#trash.empty(this.#options);
    return report;
  }

  async #prune(): Promise<PruneReport> {
    if (this.#options.recoverNoFreeSpace !== undefined && this.#options.dryRun !== true) {
      return this.#recover();
    }
    const prepared = await this.#beside((call, settled) => this.#prepare(call, settled));
    if (prepared === undefined) return this.#report(undefined);
    const { condemned, replaced } = prepared;
    if (replaced.size === 0 && condemned.unreferenced.size === 0) return this.#report(prepared);
    return this.#finish(prepared);
  }

  /** With no room for anything new: the index goes first, and is written anew when packs have made room. */
  async #recover(): Promise<PruneReport> {
    const maxWaitMs = this.#options.retryLockMs ?? 0;
    const lock = await lockExclusively(this.#repository, { ...this.#options, maxWaitMs });
    return underLocks([lock], this.#options.signal, async (signal) => {
      const call = { signal };
      const plan = await this.#plan(await this.#findUsed(call), call);
      const { index } = this.#files;
      const map = new PackMap(index);
      const packs = new Set([...plan.remove, ...plan.forget]);
      const condemned = { packs, unreferenced: new Set(plan.unreferenced) };
      const stay = Array.from(index.packs.keys()).filter((pack) => !packs.has(pack));
      await this.#removeIndex(this.#files.names, call);
      const failed = await this.#removePacks(condemned, call);
      this.#phase("index", stay.length);
      await this.#files.save(stay, map, call);
      const none = { map, replaced: new Set<string>(), postponedPacks: 0, sparedPacks: 0 };
      return this.#report({ ...none, condemned }, 0, failed);
    });
  }

  /** Do something under a shared lock, unless no lock is wished. */
  async #beside<T>(work: (call: CallOptions, settled: Promise<void>) => Promise<T>): Promise<T> {
    const { signal, noLock, retryLockMs = 0 } = this.#options;
    if (noLock === true) return work({ signal }, Promise.resolve());
    const lock = await this.#repository.lock({
      exclusive: false,
      // The wait of the lock protocol passes while the index is read.
      settleLater: retryLockMs === 0,
      retryMs: retryLockMs,
      signal,
      onWait: waitTeller(this.#options),
    });
    return underLocks([lock], signal, (stop) => work({ signal: stop }, lock.settled));
  }

  /** Undefined after a dry run. */
  async #prepare(call: CallOptions, settled: Promise<void>): Promise<Prepared | undefined> {
    const table = await this.#findUsed(call);
    const plan = await this.#plan(table, call);
    if (this.#options.dryRun === true) {
      await settled;
      return undefined;
    }
    const { index } = this.#files;
    const map = new PackMap(index);
    this.#phase("repack", plan.repack.length);
    const repacked = await this.#repack(plan, table, map, { ...call, mayWrite: settled });
    await settled;
    const packs = new Set([...plan.remove, ...plan.forget, ...repacked]);
    const condemned = { packs, unreferenced: new Set(plan.unreferenced) };
    // Once before anybody has to wait for it.
    const spared = await this.#late.spare(condemned, call);
    const replaced = this.#files.filesToReplace(packs);
    this.#phase("index", replaced.size);
    const stay = [...this.#files.packsOf(replaced)].filter((pack) => !packs.has(pack));
    await this.#files.save(stay, this.#mapFor(stay, map), call);
    const postponedPacks = plan.repack.length - repacked.size;
    return { map, condemned, replaced, postponedPacks, sparedPacks: spared.length };
  }

  /** A map that knows all of these packs. Those that backups added meanwhile come last. */
  #mapFor(packs: readonly number[], map: PackMap): PackMap {
    return packs.every((pack) => pack < map.packs) ? map : new PackMap(this.#files.index);
  }

  async #findUsed(call: CallOptions): Promise<PackTable> {
    this.#phase("load", 0);
    const snapshots = await this.#late.newSnapshots(call);
    await this.#files.loadNew(call);
    const { index } = this.#files;
    this.#marks.reserve(index.size);
    const { needed, spared } = snapshots;
    this.#phase("mark", needed.length + spared.length);
    let trees = 0;
    const onTrees = (count: number): void =>
      this.#tell({ kind: "progress", done: (trees += count) });
    const scene = {
      repository: this.#repository,
      index,
      marks: this.#shared,
      onTrees,
      ...this.#trash.sceneOf(spared),
    };
    const roots = needed.map(({ snapshot }) => snapshot.tree);
    throwIfMissing(await markUsed(scene, roots, this.#pool, call));
    await this.#pool.close();
    return new PackTable(index, this.#marks, this.#statistics);
  }

  async #plan(table: PackTable, call: CallOptions): Promise<PrunePlan> {
    this.#phase("plan", table.length);
    const scene = {
      repository: this.#repository,
      index: this.#files.index,
      table,
      statistics: this.#statistics,
      onWarning: (message: string) => this.#tell({ kind: "warning", message }),
    };
    const isRecovery = this.#options.recoverNoFreeSpace !== undefined;
    const wishes = isRecovery ? { ...this.#options, maxRepackSize: 0 } : this.#options;
    const plan = await planPrune(scene, wishes, call);
    this.#tell({ kind: "plan", statistics: this.#statistics });
    return plan;
  }

  #repack(
    plan: PrunePlan,
    table: PackTable,
    map: PackMap,
    call: RepackCall,
  ): Promise<ReadonlySet<number>> {
    const limit = this.#options.maxDurationMs ?? Infinity;
    const scene = {
      repository: this.#repository,
      index: this.#files.index,
      map,
      marks: this.#marks,
      plan,
      threads: this.#options.threads,
      hasTrees: (pack: number) => table.kinds[pack] !== PACK_KINDS.data,
      mayGoOn: () => performance.now() - this.#startMs < limit,
      onPack: (done: number) => this.#tell({ kind: "progress", done }),
    };
    return repackBlobs(scene, this.#options, call);
  }

  async #finish(prepared: Prepared): Promise<PruneReport> {
    this.#phase("wait", 0);
    let lock: HeldLock = await lockExclusively(this.#repository, this.#options);
    try {
      const rescued = await this.#swapIndex(prepared, { signal: signalOf(this.#options, lock) });
      if (!this.#areFew(prepared.condemned)) {
        // No moment without a lock: whoever then listed packs by themselves could put them into an index again.
        const shared = await this.#repository.lock({
          exclusive: false,
          besides: lock,
          settleLater: true,
        });
        const exclusive = lock;
        lock = shared;
        await exclusive.release();
        await shared.settled;
      }
      const failed = await this.#removePacks(prepared.condemned, {
        signal: signalOf(this.#options, lock),
      });
      await confirmLocks([lock]);
      this.#phase("done", 0);
      return this.#report(prepared, rescued, failed);
    } finally {
      await lock.release();
    }
  }

  /** True if to remove these packs takes no longer than to exchange the lock. */
  #areFew({ packs, unreferenced }: Condemned): boolean {
    const { connections } = this.#repository.backend;
    return packs.size + unreferenced.size <= FEW_ROUNDS * connections;
  }

  /** Under the exclusive lock, so it must not take long. Returns how many packs are needed after all. */
  async #swapIndex(prepared: Prepared, call: CallOptions): Promise<number> {
    const { condemned, replaced, map } = prepared;
    this.#phase("check-again", 0);
    const spared = await this.#late.spare(condemned, call);
    const listed = this.#files.packsOf(replaced);
    await this.#files.save(
      spared.filter((pack) => listed.has(pack)),
      map,
      call,
    );
    await this.#removeIndex(replaced, call);
    return spared.length;
  }

  /** @throws {TsbakError} If any of them stays: then all packs that it lists have to stay as well. */
  async #removeIndex(files: Iterable<string>, { signal }: CallOptions): Promise<void> {
    const refs = Array.from(files, (name) => ({ kind: "index", name }) as const);
    const [failure] = await removeFiles(this.#repository.backend, refs, { signal });
    if (failure !== undefined) throw failure.error;
  }

  /** Returns how many could not be removed, which does no harm. */
  async #removePacks(condemned: Condemned, { signal }: CallOptions): Promise<number> {
    const { index } = this.#files;
    const names = Array.from(condemned.packs, (pack) => index.packs[pack] as string);
    names.push(...condemned.unreferenced);
    this.#phase("remove", names.length);
    let done = 0;
    const failures = await removeFiles(
      this.#repository.backend,
      names.map((name) => ({ kind: "pack", name })),
      { signal, onRemoved: (count) => this.#tell({ kind: "progress", done: (done += count) }) },
    );
    for (const { ref, error } of failures) {
      this.#tell({ kind: "warning", message: `cannot remove pack ${ref.name}: ${error.message}` });
    }
    return failures.length;
  }

  #report(prepared: Prepared | undefined, rescued = 0, failedRemovals = 0): PruneReport {
    const { condemned, postponedPacks = 0, sparedPacks = 0 } = prepared ?? {};
    const removed = (condemned?.packs.size ?? 0) + (condemned?.unreferenced.size ?? 0);
    return {
      statistics: this.#statistics,
      postponedPacks,
      rescuedPacks: sparedPacks + rescued,
      removedPacks: removed - failedRemovals,
      failedRemovals,
    };
  }

  #phase(phase: PrunePhase, count: number): void {
    this.#tell({ kind: "phase", phase, count });
  }

  #tell(event: PruneEvent): void {
    this.#options.onEvent?.(event);
  }
}
