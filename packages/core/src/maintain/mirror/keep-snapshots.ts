/**
 * A mirror that keeps other snapshots than its source.
 *
 * @module
 */
import type { Repository } from "../../repository/repository.ts";
import { listSnapshots, type SnapshotEntry } from "../../repository/snapshots.ts";
import { applyRetention, type Retention, type RetentionReport } from "../forget/apply-retention.ts";
import { forgetSnapshots } from "../forget/forget.ts";
import type { ForgetGroup } from "../forget/plan-forget.ts";
import { findWanted, planRetention, type TwoPlaces } from "../forget/retention.ts";
import type { MirrorRun } from "./mirror-run.ts";

/** The snapshots of both places, and what is to become of them at the target. */
export class MirroredSnapshots {
  readonly #run: MirrorRun;
  readonly #retention: Retention;
  #ofSource: readonly SnapshotEntry[] = [];

  constructor(run: MirrorRun, retention: Retention) {
    this.#run = run;
    this.#retention = retention;
  }

  /** Ids of those that the target would not keep. Files that cannot be read are not among them. */
  async findUnwanted(): Promise<readonly string[]> {
    this.#ofSource = await this.#list(this.#run.source);
    const pairs = await this.#pairs();
    const wanted = findWanted(pairs, this.#retention);
    return pairs
      .filter(({ target }) => target === undefined)
      .map(({ source }) => source!.id)
      .filter((id) => !wanted.has(id));
  }

  /** What becomes of those that are at the target now. */
  async plan(): Promise<ForgetGroup[]> {
    return planRetention(await this.#pairs(), this.#retention);
  }

  /** Forget them. Everybody else is kept out of the target. */
  async apply(): Promise<RetentionReport> {
    const { call, isDry: dryRun } = this.#run;
    const { graceMs } = this.#retention;
    const options = { ...call, dryRun };
    const report = await applyRetention(
      this.#run.mirror,
      await this.plan(),
      this.#retention,
      options,
    );
    // Of the planned target.
    if (dryRun) await forgetSnapshots(this.#run.mirror, report.removed, { ...call, graceMs });
    return report;
  }

  async #pairs(): Promise<TwoPlaces[]> {
    const there = new Map((await this.#list(this.#run.mirror)).map((entry) => [entry.id, entry]));
    const sources = new Map(this.#ofSource.map((entry) => [entry.id, entry]));
    const ids = [...new Set([...there.keys(), ...sources.keys()])];
    return ids.map((id) => ({ source: sources.get(id), target: there.get(id) }));
  }

  #list(repository: Repository): Promise<SnapshotEntry[]> {
    return listSnapshots(repository, {}, { ...this.#run.call, onDamaged: () => undefined });
  }
}
