/**
 * A mirror that keeps other snapshots than its source.
 *
 * @module
 */
import type { Repository } from "../../repository/repository.ts";
import { listSnapshots, type SnapshotEntry } from "../../repository/snapshots.ts";
import { applyRetention, type Retention, type RetentionReport } from "../forget/apply-retention.ts";
import type { ForgetGroup } from "../forget/plan-forget.ts";
import { findWanted, planRetention, type TwoPlaces } from "../forget/retention.ts";
import type { MirrorRun } from "./mirror-run.ts";

/** The snapshots of both places, and what is to become of them at the target. */
export class MirroredSnapshots {
  readonly #run: MirrorRun;
  readonly #target: Repository;
  readonly #retention: Retention;
  #ofSource: readonly SnapshotEntry[] = [];
  #wanted: ReadonlySet<string> = new Set();

  constructor(run: MirrorRun, target: Repository, retention: Retention) {
    this.#run = run;
    this.#target = target;
    this.#retention = retention;
  }

  /** Ids of those that the target would not keep. Files that cannot be read are not among them. */
  async findUnwanted(): Promise<readonly string[]> {
    this.#ofSource = await this.#list(this.#run.source);
    const pairs = await this.#pairs();
    this.#wanted = findWanted(pairs, this.#retention);
    return pairs
      .filter(({ target }) => target === undefined)
      .map(({ source }) => source!.id)
      .filter((id) => !this.#wanted.has(id));
  }

  /** What becomes of those that are at the target now; in a dry run, of those that would be. */
  async plan(): Promise<ForgetGroup[]> {
    const pairs = await this.#pairs();
    const { isDry } = this.#run;
    const copied = pairs.map((both) =>
      isDry && both.source !== undefined && this.#wanted.has(both.source.id)
        ? { ...both, target: both.source }
        : both,
    );
    return planRetention(copied, this.#retention);
  }

  /** Forget them. Everybody else is kept out of the target. */
  async apply(): Promise<RetentionReport> {
    const { call, isDry: dryRun } = this.#run;
    return applyRetention(this.#target, await this.plan(), this.#retention, { ...call, dryRun });
  }

  async #pairs(): Promise<TwoPlaces[]> {
    const there = new Map((await this.#list(this.#target)).map((entry) => [entry.id, entry]));
    const sources = new Map(this.#ofSource.map((entry) => [entry.id, entry]));
    const ids = [...new Set([...there.keys(), ...sources.keys()])];
    return ids.map((id) => ({ source: sources.get(id), target: there.get(id) }));
  }

  #list(repository: Repository): Promise<SnapshotEntry[]> {
    return listSnapshots(repository, {}, { ...this.#run.call, onDamaged: () => undefined });
  }
}
