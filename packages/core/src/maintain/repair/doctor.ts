/**
 * Find out what is damaged, repair what can be repaired, and tell the rest.
 *
 *   (1) Nothing is given up that could still be of use: damaged files go only when what they hold was saved elsewhere or cannot be
 *       read, and after a copy of them is durable outside the repository. Snapshots are never removed.
 *   (2) Packs that lie in wrong folders are put in their places, and damaged ones are salvaged, before the index is made true, as the index may be the only map to what they hold.
 *   (3) Lost blobs are looked for last, when the index is true: what it does not know then is not in the repository.
 *   (4) Each step can be killed between any two writes, and begun again.
 *
 * What could not be repaired is found by verifying again, not by believing the repairs.
 *
 * @module
 */
import type { CallOptions, MisplacedPack } from "../../backend/backend.ts";
import { CacheReader } from "../../backend/cache-reader.ts";
import { isTsbakError } from "../../errors.ts";
import { decodeSnapshot } from "../../format/snapshot.ts";
import type { Repository } from "../../repository/repository.ts";
import { listSnapshots, type SnapshotEntry } from "../../repository/snapshots.ts";
import { listTrash, type TrashEntry } from "../../repository/trash.ts";
import { openUnpacked } from "../../repository/unpacked.ts";
import { newestForms } from "../forget/newest-forms.ts";
import { verify } from "../verify/verify.ts";
import type { VerifyProblemKind, VerifyReport } from "../verify/verify-report.ts";
import type { BlobSource, LostBlob } from "./blob-source.ts";
import { CacheSource } from "./cache-source.ts";
import type { DoctorEvent, DoctorReport, DoctorStep, Treatment } from "./doctor-report.ts";
import { withExclusiveLock, type ExclusiveOptions } from "./exclusive-lock.ts";
import { LiveSource } from "./live-source.ts";
import { BlobSearch } from "./lost-blobs.ts";
import { keepIndexes, mendKeys, mendSnapshots, type MendTools } from "./mend-files.ts";
import { placePacks, type PlacedPacks } from "./place-packs.ts";
import { cachedFiles, mirroredFiles, trashedFiles } from "./raw-source.ts";
import { rebuildIndex } from "./repair-index.ts";
import { salvagePacks, type KeepAside } from "./repair-packs.ts";
import { RepositorySource } from "./repository-source.ts";
import { RescueWriter } from "./rescue-writer.ts";

/** How to diagnose and repair. */
export interface DoctorOptions extends ExclusiveOptions {
  /** False: look at the index and at trees only, which is faster, and finds no damage in the contents of files. */
  readonly readData?: boolean | undefined;
  /** Asked when damage was found, before anything is changed; without it nothing is. */
  readonly mayRepair?: ((report: DoctorReport) => Promise<boolean>) | undefined;
  /** See `RepairPacksOptions`. */
  readonly keepAside: KeepAside;
  /** Folder of all caches of this machine, to look for what was lost. */
  readonly cacheDirectory?: string | undefined;
  /** Bring back snapshots that only the cache has. */
  readonly snapshotsFromCache?: boolean | undefined;
  /** Another repository with some of the same files: a mirror, a copy, or one that was backed up to as well. */
  readonly from?: Repository | undefined;
  /** Threads that verify. */
  readonly threads?: number | undefined;
  readonly onEvent?: ((event: DoctorEvent) => void) | undefined;
}

/** Repairs may bring new damage to light, as in a pack that no index listed. */
const MOST_ROUNDS = 3;

/**
 * Examine a repository, which should be opened without a cache, and repair it if `mayRepair` allows. See the module comment.
 *
 * @throws {TsbakError} `locked` if another process works on the repository; `unavailable`, `interrupted`; what `keepAside` throws.
 */
export function doctor(repository: Repository, options: DoctorOptions): Promise<DoctorReport> {
  return withExclusiveLock(repository, options, (call) =>
    new Doctor(repository, options, call).run(),
  );
}

class Doctor {
  readonly #repository: Repository;
  readonly #options: DoctorOptions;
  readonly #call: CallOptions;
  readonly #cache: CacheReader | undefined;
  readonly #tools: MendTools;
  readonly #snapshots = new Set<string>();
  readonly #keys = new Set<string>();
  readonly #placed: string[] = [];
  readonly #packs: string[] = [];
  /** Packs that stay where they are, as they cannot be read. */
  readonly #packsLeft = new Set<string>();
  readonly #found = new Map<string, number>();
  #salvaged = 0;
  #lost: readonly LostBlob[] = [];

  constructor(repository: Repository, options: DoctorOptions, call: CallOptions) {
    const { cacheDirectory, from, keepAside } = options;
    this.#repository = repository;
    this.#options = options;
    this.#call = call;
    if (cacheDirectory !== undefined) {
      this.#cache = new CacheReader(cacheDirectory, repository.id);
    }
    const cached = this.#cache && cachedFiles(this.#cache);
    const mirrored = from && mirroredFiles(from);
    const trashed = trashedFiles(repository);
    const sources = [cached, mirrored, trashed].filter((source) => source !== undefined);
    this.#tools = { sources, keepAside };
  }

  async run(): Promise<DoctorReport> {
    const before = await this.#verify("verify");
    const trash = await this.#listTrash();
    const onlyInCache = await this.#findForgotten(trash);
    const inTrash = await this.#mayBeMissed(trash);
    const isWanted = before.errors.length > 0 || this.#mayBringBack(onlyInCache);
    const diagnosis = { before, after: before, onlyInCache, inTrash, treatment: undefined };
    if (!isWanted || !((await this.#options.mayRepair?.(diagnosis)) ?? false)) return diagnosis;
    let after = before;
    let missing = this.#mayBringBack(onlyInCache) ? onlyInCache.map(({ id }) => id) : [];
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      const done = await this.#treat(after, missing);
      missing = [];
      const next = await this.#verify("verify-again");
      const isStill = sameProblems(after, next);
      after = next;
      if (!done || isStill || after.errors.length === 0) break;
    }
    return { before, after, onlyInCache, inTrash, treatment: this.#treatment() };
  }

  #listTrash(): Promise<TrashEntry[]> {
    return listTrash(this.#repository, { ...this.#call, onDamaged: () => undefined });
  }

  /** Those of the trash that are not the old form of something that is there or in the trash. */
  async #mayBeMissed(trash: readonly TrashEntry[]): Promise<readonly TrashEntry[]> {
    if (trash.length === 0) return [];
    const options = { ...this.#call, onDamaged: () => undefined };
    return newestForms(trash, await listSnapshots(this.#repository, {}, options));
  }

  #mayBringBack(snapshots: readonly SnapshotEntry[]): boolean {
    return this.#options.snapshotsFromCache === true && snapshots.length > 0;
  }

  #verify(step: DoctorStep): Promise<VerifyReport> {
    this.#begin(step);
    this.#repository.dropIndex();
    return verify(this.#repository, {
      ...this.#call,
      readData: this.#options.readData ?? true,
      // A pack under a wrong name gets into an index that is made from what is there.
      compareNames: true,
      // We have the lock.
      noLock: true,
      threads: this.#options.threads,
      onEvent: (event) => this.#options.onEvent?.({ kind: "verify", event }),
    });
  }

  /** Snapshots of the cache that the repository does not have; those in its trash can be brought back from there. */
  async #findForgotten(inTrash: readonly SnapshotEntry[]): Promise<SnapshotEntry[]> {
    const present = new Set(await this.#repository.listNames("snapshot", this.#call));
    for (const { id } of inTrash) present.add(id);
    const names = this.#cache?.list("snapshot").filter((name) => !present.has(name)) ?? [];
    const found: SnapshotEntry[] = [];
    for (const id of names) {
      const raw = await this.#tools.sources[0]?.read({ kind: "snapshot", name: id }, this.#call);
      if (raw === undefined) continue;
      try {
        found.push({ id, snapshot: decodeSnapshot(openUnpacked(this.#repository, raw)) });
      } catch (error) {
        if (!isTsbakError(error, "corrupt")) throw error;
      }
    }
    return found;
  }

  /** True if something was changed. */
  async #treat(report: VerifyReport, missing: readonly string[]): Promise<boolean> {
    const isMended = await this.#mendFiles(report, missing);
    const { placed, left } = await this.#placePacks(report);
    const steps = [
      isMended,
      placed.length > 0,
      await this.#salvage(report.damagedPacks, left),
      await this.#repairIndex(report),
      await this.#findBlobs(),
    ];
    return steps.includes(true);
  }

  async #mendFiles(report: VerifyReport, missing: readonly string[]): Promise<boolean> {
    const damaged = namesOf(report, "snapshot-damaged");
    const keys = namesOf(report, "key-damaged");
    if (damaged.length + missing.length + keys.length === 0) return false;
    this.#begin("snapshots");
    const wanted = { damaged, missing };
    const snapshots = await mendSnapshots(this.#repository, wanted, this.#tools, this.#call);
    for (const id of snapshots) this.#snapshots.add(id);
    const mended = await mendKeys(this.#repository, keys, this.#tools, this.#call);
    for (const name of mended) this.#keys.add(name);
    return snapshots.length + mended.length > 0;
  }

  /** What is missing may lie in a wrong folder. */
  async #placePacks(report: VerifyReport): Promise<PlacedPacks> {
    const isWanted = report.errors.some(({ kind }) => /^(pack|blob)-missing$/.test(kind));
    const canLookFor = this.#repository.backend.misplacedPacks !== undefined;
    if (!isWanted || !canLookFor) return { placed: [], left: new Map() };
    this.#begin("places");
    const missing = new Set(namesOf(report, "pack-missing"));
    const result = await placePacks(this.#repository, missing, this.#call);
    this.#placed.push(...result.placed);
    return result;
  }

  /** Damaged packs, and what lies in wrong folders and could not be put in its place. */
  async #salvage(
    damaged: readonly string[],
    misplaced: ReadonlyMap<string, MisplacedPack>,
  ): Promise<boolean> {
    const names = [...damaged, ...misplaced.keys()];
    if (names.length === 0) return false;
    this.#begin("packs");
    const options = {
      keepAside: this.#tools.keepAside,
      misplaced,
      onEvent: (event: Extract<DoctorEvent, { kind: "packs" }>["event"]) =>
        this.#options.onEvent?.({ kind: "packs", event }),
    };
    const summary = await salvagePacks(this.#repository, names, options, this.#call);
    this.#packs.push(...names);
    for (const name of summary.packsLeft) this.#packsLeft.add(name);
    this.#salvaged += summary.blobsSaved;
    return true;
  }

  async #repairIndex(report: VerifyReport): Promise<boolean> {
    const isWanted =
      report.suggestRepairIndex || report.errors.some(({ kind }) => kind === "blob-missing");
    if (!isWanted) return false;
    this.#begin("index");
    const damaged = namesOf(report, "index-damaged");
    await keepIndexes(this.#repository, damaged, this.#tools, this.#call);
    const onEvent = (event: Extract<DoctorEvent, { kind: "index" }>["event"]): void =>
      this.#options.onEvent?.({ kind: "index", event });
    const plan = { leaveOut: this.#packsLeft, onEvent };
    const summary = await rebuildIndex(this.#repository, plan, this.#call);
    return summary.indexesRemoved > 0 || summary.packsAdded.length > 0;
  }

  async #findBlobs(): Promise<boolean> {
    this.#begin("blobs");
    const index = await this.#repository.loadIndex(this.#call);
    const snapshots = await listSnapshots(
      this.#repository,
      {},
      { ...this.#call, onDamaged: () => undefined },
    );
    const writer = new RescueWriter(this.#repository, index, this.#call);
    const tools = { sources: this.#blobSources(), writer };
    const search = new BlobSearch(this.#repository, index, tools, this.#call);
    const { found, lost } = await search.run(snapshots);
    await writer.finish();
    for (const [source, count] of found) {
      this.#found.set(source, (this.#found.get(source) ?? 0) + count);
    }
    this.#lost = lost;
    return found.size > 0;
  }

  #blobSources(): BlobSource[] {
    const { from } = this.#options;
    const cache = this.#cache && new CacheSource(this.#repository, this.#cache);
    const other = from && new RepositorySource(from);
    const live = new LiveSource(this.#repository.config);
    return [cache, other, live].filter((source) => source !== undefined);
  }

  #treatment(): Treatment {
    return {
      snapshotsMended: [...this.#snapshots],
      keysMended: [...this.#keys],
      packsPlaced: this.#placed,
      packsSalvaged: this.#packs,
      blobsSalvaged: this.#salvaged,
      blobsFound: this.#found,
      blobsLost: this.#lost,
    };
  }

  #begin(step: DoctorStep): void {
    this.#options.onEvent?.({ kind: "step", step });
  }
}

function namesOf({ errors }: VerifyReport, wanted: VerifyProblemKind): string[] {
  return errors.flatMap(({ kind, file }) =>
    kind === wanted && file !== undefined ? [file.name] : [],
  );
}

function sameProblems(a: VerifyReport, b: VerifyReport): boolean {
  const marks = ({ errors }: VerifyReport): string =>
    errors
      .map(({ kind, file, blob }) => `${kind} ${file?.name ?? ""} ${blob?.id ?? ""}`)
      .sort()
      .join("\n");
  return marks(a) === marks(b);
}
