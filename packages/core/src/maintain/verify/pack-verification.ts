import type { FileInfo } from "../../backend/backend.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import { sumCoverage, type Coverage } from "./coverage.ts";
import type { Findings, OpenProblem } from "./findings.ts";
import { PackMap } from "./pack-map.ts";
import { choosePacksDue, type PackSize, type ReadBudget } from "./read-budget.ts";
import type { NeededPacks } from "./needed-packs.ts";
import type { PackJob, PackOutcome } from "./read-packs.ts";
import { choosePacks, type Subset } from "./subset.ts";
import { TreeGraph } from "./tree-graph.ts";
import type { TreeFault, VerifyResult } from "./verify-protocol.ts";
import type { VerifyMemory } from "./verify-memory.ts";
import type { VerifyProgress } from "./verify-progress.ts";

/** Which packs are read in full: all, none, or some. */
export type ReadData = boolean | { readonly subset: Subset } | { readonly budget: ReadBudget };

/** Trees are read in runs of about this size, with gaps up to the other: a call costs more than some bytes too many. */
const RUN_SIZE = 2 << 20;
const GAP_SIZE = 128 << 10;

interface PresentPack extends PackSize {
  readonly name: string;
}

/** What a verification keeps. */
export interface VerificationParts {
  readonly findings: Findings;
  readonly progress: VerifyProgress;
  readonly memory: VerifyMemory;
}

/** What is known of the packs while they are verified. */
export class PackVerification {
  readonly graph: TreeGraph;
  /** For each index entry whose bytes are lost, the number of its problem among the errors, plus one. */
  readonly losses: Uint32Array;
  packsRead = 0;
  bytesRead = 0;
  readonly #index: BlobIndex;
  readonly #findings: Findings;
  readonly #progress: VerifyProgress;
  readonly #memory: VerifyMemory;
  readonly #map: PackMap;
  readonly #present: PresentPack[] = [];
  readonly #problems = new Map<number, OpenProblem>();
  readonly #treeFaults = new Map<number, readonly TreeFault[]>();

  constructor(index: BlobIndex, { findings, progress, memory }: VerificationParts) {
    this.#index = index;
    this.#findings = findings;
    this.#progress = progress;
    this.#memory = memory;
    this.#map = new PackMap(index);
    this.graph = new TreeGraph(index.size);
    this.losses = new Uint32Array(index.size);
  }

  /** Compare the packs of the index with those in the store, by name and size. They must have been listed after the index files. */
  compareListing(files: Iterable<FileInfo>): void {
    const isPresent = new Uint8Array(this.#index.packs.length);
    const unreferenced: string[] = [];
    for (const { name, size } of files) {
      if (!this.#index.hasPack(name)) {
        unreferenced.push(name);
        continue;
      }
      const pack = this.#index.packNumber(name);
      isPresent[pack] = 1;
      this.#present.push({ pack, name, size });
      if (size !== this.#map.sizeOf(pack)) this.#noteSize(pack, name, size);
    }
    isPresent.forEach((present, pack) => {
      if (present === 0) this.#noteMissing(pack);
    });
    this.#noteHints(unreferenced);
  }

  /**
   * What must be read: trees in any case, and whole packs as wished; if only some are needed, of those, and their trees were read before. Trees first, as their packs take longest. Of a budget of
   * time the packs come last, the one that waited longest first, as long as `hasTime` says so, but at least one.
   */
  *plan(readData: ReadData, hasTime: () => boolean, needed?: NeededPacks): Generator<PackJob> {
    const isTimed = isTimeBudget(readData);
    const candidates = needed
      ? this.#present.filter(({ pack }) => needed.has(pack))
      : this.#present;
    const choice = this.#choose(readData, candidates);
    const chosen = new Set(isTimed ? [] : choice);
    const jobs: PackJob[] = [];
    for (const present of candidates) {
      if (this.#map.treesIn(present.pack) === 0) continue;
      if (chosen.delete(present)) jobs.push(this.#wholePack(present));
      else if (needed === undefined) jobs.push(...this.#treeRuns(present));
    }
    for (const present of chosen) jobs.push(this.#wholePack(present));
    for (const job of jobs) this.#announce(job);
    yield* jobs;
    for (const [at, present] of isTimed ? choice.entries() : []) {
      if (at > 0 && !hasTime()) return;
      const job = this.#wholePack(present);
      this.#announce(job);
      yield job;
    }
  }

  /** The reading of these trees only, by their entries. */
  planTrees(trees: readonly number[]): readonly PackJob[] {
    const wanted = new Set(trees);
    const packs = new Set(trees.map((tree) => this.#index.packNumberAt(tree)));
    const jobs = this.#present.flatMap((present) =>
      packs.has(present.pack) ? this.#treeRuns(present, wanted) : [],
    );
    for (const job of jobs) this.#announce(job);
    return jobs;
  }

  /** What was read in full lately, of all packs of the index. */
  coverage(): Coverage {
    const packs = this.#index.packs.map((_, pack) => ({ pack, size: this.#map.sizeOf(pack) }));
    return sumCoverage(packs, this.#index.packs, this.#memory.ledger, this.#memory.now());
  }

  /** Take in what came of a job. */
  take(job: PackJob, outcome: PackOutcome): void {
    if ("error" in outcome) {
      this.#lose(this.#damaged(job, `it cannot be read: ${outcome.error.message}`), job.entries);
    } else {
      this.#takeResult(job, outcome.result);
    }
    this.#progress.bytesDone += job.length;
    if (job.isWhole) {
      this.#progress.packsDone++;
      this.packsRead++;
      this.bytesRead += job.length;
      this.#remember(job, outcome);
    }
    this.#progress.tick();
  }

  /** Note what is wrong with those trees that the snapshots reach, and return them. */
  judgeTrees(reached: Uint32Array): Uint32Array {
    for (const tree of reached) {
      const id = this.#index.idAt(tree);
      for (const { kind, message, blob } of this.#treeFaults.get(tree) ?? []) {
        if (blob !== undefined) this.#findings.missing(blob.type, blob.id);
        else if (kind !== "blob-missing") {
          this.#findings.brokenTree(kind, id, `The tree ${id} is damaged: ${message}`);
        }
      }
    }
    return reached;
  }

  #announce(job: PackJob): void {
    this.#progress.bytesTotal += job.length;
    if (job.isWhole) this.#progress.packsTotal++;
  }

  #remember({ pack }: PackJob, outcome: PackOutcome): void {
    const isRead = "result" in outcome && !this.#problems.has(pack);
    if (isRead) this.#memory.ledger.noteWhole(pack, this.#memory.now());
    this.#memory.saveSometimes();
  }

  #choose(readData: ReadData, candidates: readonly PresentPack[]): readonly PresentPack[] {
    if (typeof readData === "boolean") return readData ? candidates : [];
    if ("budget" in readData) {
      return choosePacksDue(candidates, this.#memory.ledger, readData.budget);
    }
    return choosePacks(candidates, readData.subset);
  }

  #wholePack({ pack, name, size }: PresentPack): PackJob {
    this.#progress.treesTotal += this.#map.treesIn(pack);
    const entries = this.#map.entriesOf(pack);
    return { pack, name, isWhole: true, start: 0, length: size, entries };
  }

  #treeRuns({ pack, name, size }: PresentPack, wanted?: ReadonlySet<number>): PackJob[] {
    const index = this.#index;
    const jobs: PackJob[] = [];
    let entries: number[] = [];
    let start = 0;
    let end = 0;
    const close = (): void => {
      if (entries.length === 0) return;
      const run = { start, length: end - start, entries: Uint32Array.from(entries) };
      jobs.push({ pack, name, isWhole: false, ...run });
      this.#progress.treesTotal += entries.length;
      entries = [];
    };
    for (const entry of this.#map.entriesOf(pack)) {
      const offset = index.offsetAt(entry);
      const length = index.lengthAt(entry);
      // What lies beyond the end of the file is noted as lost already.
      if (!index.isTreeAt(entry) || offset + length > size) continue;
      if (wanted?.has(entry) === false) continue;
      if (offset - end > GAP_SIZE || offset + length - start > RUN_SIZE) close();
      if (entries.length === 0) start = offset;
      entries.push(entry);
      end = offset + length;
    }
    close();
    return jobs;
  }

  #takeResult(job: PackJob, result: VerifyResult): void {
    this.graph.add(result.trees);
    const faults = new Map<number, TreeFault[]>();
    for (const { tree, fault } of result.treeFaults) {
      const known = faults.get(tree);
      if (known === undefined) faults.set(tree, [fault]);
      else known.push(fault);
    }
    for (const [tree, list] of faults) this.#treeFaults.set(tree, list);
    for (const entry of job.entries) if (this.#index.isTreeAt(entry)) this.#progress.treesDone++;
    if (result.packFaults.length === 0 && result.damaged.length === 0) return;
    const problem = this.#damaged(job, describeDamage(job, result, this.#index));
    this.#lose(
      problem,
      result.damaged.map(({ entry }) => entry),
    );
  }

  #damaged({ pack, name }: PackJob, what: string): OpenProblem {
    const known = this.#problems.get(pack);
    if (known !== undefined) {
      known.message += `; ${what}`;
      return known;
    }
    return this.#notePack(pack, name, "pack-damaged", `The pack ${name} is damaged: ${what}`);
  }

  #noteSize(pack: number, name: string, size: number): void {
    const message = `The pack ${name} has ${size} bytes, expected ${this.#map.sizeOf(pack)}`;
    const problem = this.#notePack(pack, name, "pack-size", message);
    const isCut = (entry: number): boolean =>
      this.#index.offsetAt(entry) + this.#index.lengthAt(entry) > size;
    this.#lose(problem, this.#map.entriesOf(pack).filter(isCut));
  }

  #noteMissing(pack: number): void {
    const name = this.#index.packs[pack] as string;
    const message = `The pack ${name} is missing, with ${this.#map.blobsIn(pack)} blobs`;
    const problem = this.#notePack(pack, name, "pack-missing", message);
    this.#lose(problem, this.#map.entriesOf(pack));
  }

  #notePack(
    pack: number,
    name: string,
    kind: "pack-missing" | "pack-size" | "pack-damaged",
    message: string,
  ): OpenProblem {
    const problem = this.#findings.error({ kind, file: { kind: "pack", name }, message });
    this.#problems.set(pack, problem);
    this.#memory.ledger.noteDamaged(pack);
    return problem;
  }

  #lose(problem: OpenProblem, entries: Iterable<number>): void {
    const number = this.#findings.errors.indexOf(problem) + 1;
    for (const entry of entries) {
      if (this.losses[entry] === 0) problem.lostBlobs++;
      this.losses[entry] = number;
    }
  }

  #noteHints(unreferenced: readonly string[]): void {
    const isMixed = (pack: number): boolean =>
      this.#map.treesIn(pack) > 0 && this.#map.treesIn(pack) < this.#map.blobsIn(pack);
    const mixed = this.#index.packs.filter((_, pack) => isMixed(pack));
    this.#findings.hint("mixed-pack", mixed, `${mixed.length} packs hold both trees and data`);
    this.#findings.hint(
      "unreferenced-pack",
      unreferenced,
      `${unreferenced.length} packs are not listed by any index file`,
    );
  }
}

function isTimeBudget(readData: ReadData): boolean {
  return typeof readData === "object" && "budget" in readData && "milliseconds" in readData.budget;
}

function describeDamage(job: PackJob, result: VerifyResult, index: BlobIndex): string {
  const parts = [...result.packFaults];
  const [first] = result.damaged;
  if (first !== undefined) {
    const type = index.isTreeAt(first.entry) ? "tree" : "data";
    parts.push(
      `${result.damaged.length} of ${job.entries.length} blobs are damaged, ` +
        `first ${type} blob ${index.idAt(first.entry)} (${first.reason})`,
    );
  }
  return parts.join("; ");
}
