/**
 * Save what can be read of damaged packs (restic format, section 15).
 *
 *   (1) A copy of a damaged pack is durable elsewhere before anything is changed.
 *   (2) What was saved of it is durable in new packs, and these in the index, before the index drops the damaged pack.
 *   (3) No index lists a pack any more when it is removed. A pack of which no copy could be kept is not removed.
 *
 * So the repair can be killed between any two writes.
 *
 * @module
 */
import type { CallOptions, FileRef, MisplacedPack } from "../../backend/backend.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { surveyIndex, type IndexSurvey } from "../../repository/survey-index.ts";
import { PackMap } from "../verify/pack-map.ts";
import { withExclusiveLock, type ExclusiveOptions } from "./exclusive-lock.ts";
import { packEntries } from "./index-plan.ts";
import { RescueWriter } from "./rescue-writer.ts";
import { rewriteIndex, type IndexProgress } from "./rewrite-index.ts";
import { readDamaged, salvagePack, type SalvagedPack } from "./salvage-pack.ts";

/**
 * Put a copy of a damaged file in a safe place outside the repository. It must be durable when the promise resolves. The bytes are
 * borrowed.
 */
export type KeepAside = (ref: FileRef, bytes: Uint8Array) => Promise<void>;

/** What happens while packs are repaired. */
export type RepairPacksEvent =
  | { readonly kind: "pack-salvaged"; readonly pack: SalvagedPack }
  /** Parts of the pack could not be read, so that no copy was kept. It stays in the store, but not in the index. */
  | { readonly kind: "pack-left"; readonly name: string; readonly reason: string }
  | {
      readonly kind: "progress";
      readonly phase: "packs-salvaged" | "packs-removed" | Parameters<IndexProgress>[0];
      readonly done: number;
      readonly total: number;
    };

/** How packs are salvaged. */
export interface SalvageOptions {
  readonly keepAside: KeepAside;
  /** Packs, by name, that lie in wrong folders: they are read and removed there. */
  readonly misplaced?: ReadonlyMap<string, MisplacedPack> | undefined;
  readonly onEvent?: ((event: RepairPacksEvent) => void) | undefined;
}

/** How to repair packs. */
export interface RepairPacksOptions extends ExclusiveOptions, SalvageOptions {}

/** What repairing packs came to. */
export interface RepairPacksSummary {
  readonly packs: readonly SalvagedPack[];
  /** Blobs that were written into new packs. */
  readonly blobsSaved: number;
  /** Packs that stay in the store though no index lists them any more. */
  readonly packsLeft: readonly string[];
}

/**
 * Repair packs by their full names under an exclusive lock. See the module comment.
 *
 * @throws {TsbakError} `not-found` if a pack is not there, and nothing is changed then; `locked`; what `keepAside` throws.
 */
export function repairPacks(
  repository: Repository,
  names: readonly string[],
  options: RepairPacksOptions,
): Promise<RepairPacksSummary> {
  return withExclusiveLock(repository, options, (call) =>
    salvagePacks(repository, names, options, call),
  );
}

/** The same for whoever has the lock. */
export async function salvagePacks(
  repository: Repository,
  names: readonly string[],
  options: SalvageOptions,
  call: CallOptions,
): Promise<RepairPacksSummary> {
  const wanted = [...new Set(names)];
  const inPlace = wanted.filter((name) => options.misplaced?.has(name) !== true);
  await refuseMissing(repository, inPlace, call);
  const survey = await surveyIndex(repository, call);
  for (const { error } of survey.damaged) if (error.code !== "corrupt") throw error;
  return new PackRepair(repository, survey, options, call).run(wanted);
}

async function refuseMissing(
  repository: Repository,
  names: readonly string[],
  call: CallOptions,
): Promise<void> {
  const present = new Set(await repository.listNames("pack", call));
  const missing = names.find((name) => !present.has(name));
  if (missing === undefined) return;
  throw new TsbakError(
    "not-found",
    `Cannot repair pack ${missing.slice(0, 8)}: it is not in the repository; if the index lists it, run "tsbak repair index"`,
  );
}

class PackRepair {
  readonly #repository: Repository;
  readonly #survey: IndexSurvey;
  readonly #options: SalvageOptions;
  readonly #call: CallOptions;
  readonly #map: PackMap;

  constructor(
    repository: Repository,
    survey: IndexSurvey,
    options: SalvageOptions,
    call: CallOptions,
  ) {
    this.#repository = repository;
    this.#survey = survey;
    this.#options = options;
    this.#call = call;
    // Before new packs are added to the index.
    this.#map = new PackMap(survey.index);
  }

  async run(names: readonly string[]): Promise<RepairPacksSummary> {
    const plan = this.#planIndex(names);
    const writer = new RescueWriter(this.#repository, this.#survey.index, this.#call);
    const packs: SalvagedPack[] = [];
    const kept: string[] = [];
    for (const name of names) {
      const bytes = await this.#keep(name);
      if (bytes !== undefined) kept.push(name);
      const damaged = { name, bytes, listed: this.#entriesOf(name) };
      const pack = await salvagePack(this.#repository, damaged, writer, this.#call);
      packs.push(pack);
      this.#options.onEvent?.({ kind: "pack-salvaged", pack });
      this.#progress("packs-salvaged", packs.length, names.length);
    }
    await writer.finish();
    await rewriteIndex(this.#repository, plan, this.#call, (...step) => this.#progress(...step));
    await this.#remove(kept);
    const packsLeft = names.filter((name) => !kept.includes(name));
    return { packs, blobsSaved: writer.count, packsLeft };
  }

  /** An index without these packs. */
  #planIndex(names: readonly string[]): { listed: BlobIndex; obsolete: readonly string[] } {
    const { index, listings } = this.#survey;
    const isDropped = new Uint8Array(index.packs.length);
    for (const name of names) if (index.hasPack(name)) isDropped[index.packNumber(name)] = 1;
    const listed = new BlobIndex();
    const obsolete: string[] = [];
    for (const [name, packs] of listings) {
      if (!packs.some((pack) => isDropped[pack] === 1)) continue;
      obsolete.push(name);
      for (const pack of packs) if (isDropped[pack] === 0) this.#copyPack(pack, listed);
    }
    return { listed, obsolete };
  }

  #copyPack(pack: number, to: BlobIndex): void {
    const { index } = this.#survey;
    const number = to.packNumber(index.packs[pack] as string);
    for (const entry of packEntries(index, this.#map, pack)) {
      to.add(entry.type, entry.id, 0, number, entry);
    }
  }

  #entriesOf(name: string): ReturnType<typeof packEntries> | readonly [] {
    const { index } = this.#survey;
    if (!index.hasPack(name)) return [];
    return packEntries(index, this.#map, index.packNumber(name));
  }

  /** The bytes of a pack, of which there is a copy then. Undefined if the store cannot read all of them. */
  async #keep(name: string): Promise<Uint8Array | undefined> {
    const ref = { kind: "pack", name } as const;
    const call = this.#call;
    const { misplacedPacks } = this.#repository.backend;
    const misplaced = this.#options.misplaced?.get(name);
    try {
      const bytes = await (misplaced ? misplacedPacks?.read(misplaced, call) : this.#read(ref));
      if (bytes === undefined) return undefined;
      await this.#options.keepAside(ref, bytes);
      return bytes;
    } catch (error) {
      const isGone = isTsbakError(error, "not-found");
      if (!isGone && !(error instanceof UnreadablePack)) throw error;
      this.#options.onEvent?.({ kind: "pack-left", name, reason: error.message });
      return undefined;
    }
  }

  async #read(ref: FileRef): Promise<Uint8Array> {
    const { size } = await this.#repository.backend.stat(ref, this.#call);
    if (size === 0) return new Uint8Array();
    try {
      return await readDamaged(this.#repository, ref, undefined, this.#call);
    } catch (error) {
      if (!isTsbakError(error, "corrupt")) throw error;
      throw new UnreadablePack(error.message, { cause: error });
    }
  }

  async #remove(names: readonly string[]): Promise<void> {
    const { backend } = this.#repository;
    let done = 0;
    for (const name of names) {
      const misplaced = this.#options.misplaced?.get(name);
      if (misplaced === undefined) await backend.remove({ kind: "pack", name }, this.#call);
      else await backend.misplacedPacks?.remove(misplaced, this.#call);
      this.#progress("packs-removed", ++done, names.length);
    }
  }

  #progress(
    phase: Extract<RepairPacksEvent, { kind: "progress" }>["phase"],
    done: number,
    total: number,
  ): void {
    this.#options.onEvent?.({ kind: "progress", phase, done, total });
  }
}

/** Never leaves this module. */
class UnreadablePack extends Error {}
