import type { WorkerPool } from "../workers/worker-pool.ts";
import { makeBatch } from "./entry-batch.ts";
import { STANDING } from "./entry-table.ts";
import type { FileLedger } from "./file-ledger.ts";
import type { PieceBlob } from "./pieces.ts";
import type { RestoreProgress } from "./progress.ts";
import type { RestoreResult, RestoreTask } from "./protocol.ts";
import { temporaryName } from "./temporary-names.ts";
import type { RestorePlan } from "./restore-plan.ts";

/** What preparing needs. */
export interface PreparationContext {
  readonly plan: RestorePlan;
  readonly pool: WorkerPool<RestoreTask, RestoreResult>;
  readonly ledger: FileLedger;
  readonly progress: RestoreProgress;
}

/** Sees to it that a file of several blobs is there before the first of them is written. */
export class PartPreparation {
  readonly #context: PreparationContext;

  constructor(context: PreparationContext) {
    this.#context = context;
  }

  /** Make all files ready of which these blobs are parts. */
  async prepareFor(blobs: readonly PieceBlob[]): Promise<void> {
    const { partedFiles, uses } = this.#context.plan;
    if (partedFiles.size === 0) return;
    const waits: Promise<void>[] = [];
    for (const blob of blobs) {
      for (const use of blob.uses) {
        const ready = this.prepare(uses.files[use] as number);
        if (ready !== undefined) waits.push(ready);
      }
    }
    if (waits.length > 0) await Promise.all(waits);
  }

  /** Make a file ready for its parts, once; undefined if it is. What goes wrong is noted by the ledger. */
  prepare(file: number): Promise<void> | undefined {
    const { plan, ledger } = this.#context;
    const parted = plan.partedFiles.get(file);
    if (parted?.state !== "planned") return parted?.ready;
    if (plan.files.standing(file) === STANDING.fresh) {
      ledger.create(file, parted);
      return undefined;
    }
    parted.state = "created";
    parted.ready = this.#prepareStanding(file).finally(() => (parted.ready = undefined));
    return parted.ready;
  }

  async #prepareStanding(file: number): Promise<void> {
    const { plan, pool, ledger, progress } = this.#context;
    const files = makeBatch(plan.files, plan.directories, [file]);
    const kept = this.#keptRanges(file);
    progress.wrote(kept.reduce((sum, number, at) => (at % 2 === 0 ? sum : sum + number), 0));
    let { failures } = await pool.runFirst({ kind: "prepare", files, kept });
    if (failures.some(({ of }) => of === "busy")) {
      plan.files.setStanding(file, STANDING.replaced);
      plan.files.temporaryNames.set(file, temporaryName());
      const replaced = makeBatch(plan.files, plan.directories, [file]);
      ({ failures } = await pool.runFirst({ kind: "prepare", files: replaced, kept }));
    }
    for (const failure of failures) ledger.receive(failure, file);
  }

  /** Offset and length of each blob of a file that is in its place. */
  #keptRanges(file: number): Float64Array {
    const { files, uses } = this.#context.plan;
    const { first, end } = files.usesOf(file);
    const ranges: number[] = [];
    for (let use = first; use < end; use++) {
      if (!uses.isSatisfied(use)) continue;
      const offset = uses.offsets[use] as number;
      const next = use + 1 < end ? (uses.offsets[use + 1] as number) : files.size(file);
      ranges.push(offset, next - offset);
    }
    return new Float64Array(ranges);
  }
}
