import { mkdirSync, rmSync } from "node:fs";
import { describeTree } from "../compare-trees.ts";
import type { ToolName } from "../peers.ts";
import { showRaw } from "../raw-path.ts";
import { restoreStep, type TestRepository } from "../steps.ts";

/** What each snapshot of a source that keeps changing held, so that all of them can be restored and compared later. */
export class SnapshotLog {
  readonly #snapshots: Map<string, ReadonlyMap<string, string>> = new Map();

  get ids(): readonly string[] {
    return [...this.#snapshots.keys()];
  }

  /** Remember that the snapshot `id` was made of `source` as it is now. */
  record(id: string, source: string): void {
    this.#snapshots.set(id, describeTree(source));
  }

  /** Restore a snapshot and tell how it differs from its source, one line each. */
  async compare(repository: TestRepository, tool: ToolName, id: string): Promise<string[]> {
    const target = repository.workshop.path("target");
    mkdirSync(target);
    try {
      await restoreStep(repository, tool, id, target);
      return compareDescriptions(this.#snapshots.get(id) ?? new Map(), describeTree(target));
    } finally {
      rmSync(target, { recursive: true });
    }
  }
}

/** How two trees differ that `describeTree` described, one line each. */
export function compareDescriptions(
  expected: ReadonlyMap<string, string>,
  actual: ReadonlyMap<string, string>,
): string[] {
  const paths = new Set([...expected.keys(), ...actual.keys()]);
  return [...paths]
    .filter((path) => expected.get(path) !== actual.get(path))
    .map(
      (path) =>
        `${showRaw(path)}: ${actual.get(path) ?? "missing"}, expected ${expected.get(path) ?? "nothing"}`,
    );
}
