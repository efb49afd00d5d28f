/**
 * Find out whether everything that the snapshots need is there and whole (restic format, section 14).
 *
 *   (1) Without a lock, snapshots are listed before the index, so that a backup that ends meanwhile cannot look like damage.
 *   (2) Damage is a result; only what says nothing about the repository (an abort, a lock) is thrown.
 *   (3) Nothing is written but the lock.
 *
 * Trees are read by the pack, used or not, and become a graph of numbers; what the snapshots reach in it is judged.
 *
 * @module
 */
import { anySignal } from "../../async/any-signal.ts";
import { SYSTEM_CLOCK, type Clock } from "../../async/clock.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { TsbakError } from "../../errors.ts";
import { fromHex } from "../../bytes/hex.ts";
import type { Repository } from "../../repository/repository.ts";
import type { HeldLock, LockWaiting } from "../../repository/locks.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import type { IndexSurvey } from "../../repository/survey-index.ts";
import { AffectedSearch, type SnapshotRoot } from "./affected.ts";
import type { SnapshotChoice } from "./choose-snapshots.ts";
import { Findings } from "./findings.ts";
import { locateMissing } from "./locate-missing.ts";
import { PackVerification, type ReadData } from "./pack-verification.ts";
import type { ReadBudget } from "./read-budget.ts";
import { readNeededTrees } from "./read-needed.ts";
import { readPacks, startVerifyWorkers, type VerifyPool } from "./read-packs.ts";
import { readSmallFiles, surveyEarly, type EarlySurvey } from "./small-files.ts";
import { VerifyMemory } from "./verify-memory.ts";
import type { VerifySetup } from "./verify-protocol.ts";
import { VerifyProgress, type VerifyEvent } from "./verify-progress.ts";
import type { VerifyReport } from "./verify-report.ts";

/** How to verify. */
export interface VerifyOptions extends CallOptions {
  /**
   * Verify some snapshots only: read their trees and, as far as data is read, the packs that they need. The index, and whether its packs
   * are there, concern all.
   */
  readonly snapshots?: SnapshotChoice | undefined;
  /** Read and check the contents of all packs, or of some; else only those of trees. */
  readonly readData?: ReadData | undefined;
  /** Compare each pack that is read in full with the hash that names it, even if all seals in it fit (decision 9). */
  readonly compareNames?: boolean | undefined;
  /** Take no lock: for a repository that cannot be written to. A prune at the same time then looks like damage. */
  readonly noLock?: boolean | undefined;
  /** See `LockOptions`. */
  readonly lock?: LockWaiting | undefined;
  /** Called at most ten times a second, and once at the end of each phase. */
  readonly onEvent?: ((event: VerifyEvent) => void) | undefined;
  /** Threads that check; as many as there are cores unless given. */
  readonly threads?: number | undefined;
  /** Threads that were started before the repository was opened, instead of new ones. */
  readonly workers?: VerifyPool | undefined;
  /** The time of this machine unless given. */
  readonly clock?: Clock | undefined;
}

/**
 * Verify a repository. It should be opened without a cache, or only the cache's copies of files are looked at.
 * Which packs were read in full and are whole is remembered in the repository's local state, also if the run is interrupted.
 *
 * @throws {TsbakError} `locked` if another process works on the repository; `interrupted`; and for a budget that without memory would
 * always be spent on the same packs `invalid-argument`, or what is wrong with the local state.
 */
export async function verify(
  repository: Repository,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  refuseForgetting(repository, options);
  const pool = options.workers ?? startVerifyWorkers(options.threads);
  const surveyed = surveyEarly(repository, options);
  // It is awaited under the lock, if that is had.
  surveyed.catch(() => undefined);
  let lock: HeldLock | undefined;
  try {
    if (options.noLock !== true) lock = await lockRepository(repository, options);
    const refused = new AbortController();
    lock?.settled.catch(() => refused.abort());
    const signal = anySignal(options.signal, lock?.lost, refused.signal);
    return await underLock(lock, run(repository, { ...options, pool, surveyed, signal }));
  } finally {
    // Packs that came early and that nobody needs.
    repository.early?.stop();
    await Promise.all([pool.close(), lock?.release(), Promise.allSettled([surveyed])]);
  }
}

/** What was found counts only with the lock; and without it, that is why anything else failed. */
async function underLock<T>(lock: HeldLock | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await lock?.settled;
  }
}

function lockRepository(repository: Repository, options: VerifyOptions): Promise<HeldLock> {
  const { signal, lock } = options;
  // The wait of the lock protocol passes while the index and the first packs are read.
  const settleLater = lock?.retryMs === undefined || lock.retryMs === 0;
  return repository.lock({ exclusive: true, settleLater, ...lock, signal });
}

interface RunOptions extends VerifyOptions {
  readonly pool: VerifyPool;
  readonly surveyed: Promise<EarlySurvey | undefined>;
}

async function run(
  repository: Repository,
  { pool, surveyed, ...options }: RunOptions,
): Promise<VerifyReport> {
  const call: CallOptions = { signal: options.signal };
  const { clock = SYSTEM_CLOCK } = options;
  const startedAt = clock.steady();
  const findings = new Findings();
  const progress = new VerifyProgress(options.onEvent);
  const isLocked = options.noLock !== true;
  const isPart = options.snapshots !== undefined;
  const choice = options.snapshots ?? {};
  const reading = await readSmallFiles(repository, { ...call, surveyed, isLocked, choice });
  const { survey, listing } = await reading.index;
  noteIndex(survey, findings);
  const readData = options.readData ?? false;
  const memory = new VerifyMemory(repository.state, survey.index, clock, readData !== false);
  if (hasBudget(readData) && memory.problem !== undefined) throw memory.problem;
  const packs = new PackVerification(survey.index, { findings, progress, memory });
  packs.compareListing(listing);
  await locateMissing(repository, findings, call);
  const setup: VerifySetup = {
    key: repository.masterKey,
    index: survey.index.share(),
    compareNames: options.compareNames ?? false,
    notesPacks: isPart,
  };
  pool.begin(setup);
  const hasTime = (): boolean => clock.steady() - startedAt < timeFor(readData);
  try {
    const parts = { repository, pool, packs, index: survey.index };
    const needed = isPart
      ? await readNeededTrees(parts, rootsOf((await reading.others).snapshots), call)
      : undefined;
    const jobs = packs.plan(readData, hasTime, needed);
    await readPacks(repository, pool, jobs, (job, outcome) => packs.take(job, outcome), call);
  } finally {
    memory.save();
    // Also after a failure: nothing is left behind.
    await Promise.allSettled([reading.others]);
  }
  const { snapshots, leftOut, problems } = await reading.others;
  findings.add(problems);
  const roots = rootsOf(snapshots);
  const trees = packs.judgeTrees(reachableTrees(roots, survey, packs, findings));
  if (findings.errors.length > 0) {
    const { graph, losses } = packs;
    const damage = { index: survey.index, graph, findings, losses };
    await new AffectedSearch(repository, damage, call).run(roots, trees);
  }
  progress.end();
  return {
    ...conclusions(findings),
    coverage: packs.coverage(),
    memoryProblem: memory.problem,
    counts: {
      snapshots: snapshots.length,
      snapshotsLeftOut: isPart ? leftOut : undefined,
      indexFiles: survey.files,
      packs: survey.index.packs.length,
      blobs: survey.index.size,
      trees: trees.length,
      packsRead: packs.packsRead,
      bytesRead: packs.bytesRead,
    },
  };
}

function rootsOf(snapshots: readonly SnapshotEntry[]): SnapshotRoot[] {
  return snapshots.map(({ id, snapshot }) => ({ id, tree: snapshot.tree }));
}

function refuseForgetting({ state }: Repository, { readData = false }: VerifyOptions): void {
  if (!hasBudget(readData) || state !== undefined) return;
  throw new TsbakError(
    "invalid-argument",
    "Cannot verify within a budget: nobody would remember what was read; open the repository with a folder for local state",
  );
}

function hasBudget(readData: ReadData): readData is { readonly budget: ReadBudget } {
  return typeof readData === "object" && "budget" in readData;
}

/** Milliseconds. */
function timeFor(readData: ReadData): number {
  const isTimed = hasBudget(readData) && "milliseconds" in readData.budget;
  return isTimed ? readData.budget.milliseconds : Number.POSITIVE_INFINITY;
}

function noteIndex(survey: IndexSurvey, findings: Findings): void {
  for (const { name, error } of survey.damaged) {
    const message = `The index file ${name} is damaged: ${error.message}`;
    findings.error({ kind: "index-damaged", file: { kind: "index", name }, message });
  }
  for (const name of survey.conflicting) {
    const message = `Several index files list different blobs for pack ${name}`;
    findings.error({ kind: "index-conflict", file: { kind: "pack", name }, message });
  }
  findings.hint("repeated-pack", survey.repeated, "Some packs are listed by several index files");
}

function reachableTrees(
  roots: readonly SnapshotRoot[],
  survey: IndexSurvey,
  packs: PackVerification,
  findings: Findings,
): Uint32Array {
  const known: number[] = [];
  for (const { tree } of roots) {
    const entry = survey.index.find("tree", fromHex(tree));
    if (entry < 0) findings.missing("tree", tree);
    else known.push(entry);
  }
  return packs.graph.reach(known);
}

type Conclusions = Pick<
  VerifyReport,
  "errors" | "hints" | "damagedPacks" | "suggestRepairIndex" | "suggestPrune"
>;

function conclusions({ errors, hints }: Findings): Conclusions {
  const packs = errors.filter(({ kind }) => kind === "pack-damaged" || kind === "pack-size");
  const isOfIndex = /^(index-|pack-missing|pack-size)/;
  return {
    errors,
    hints,
    damagedPacks: packs.map(({ file }) => file?.name ?? ""),
    suggestRepairIndex:
      errors.some(({ kind }) => isOfIndex.test(kind)) ||
      hints.some(({ kind }) => kind === "repeated-pack"),
    suggestPrune: hints.some(({ kind }) => kind === "mixed-pack"),
  };
}
