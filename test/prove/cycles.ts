import { compareTrees } from "../compare-trees.ts";
import { mutateTree } from "../mutate-tree.ts";
import type { ToolName } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import { backupStep, checkStep, initRepository, restoreStep } from "../steps.ts";
import { prove, type ProofOptions, type Report } from "./report.ts";
import { SnapshotLog } from "./snapshot-log.ts";

export interface CyclesOptions extends ProofOptions {
  readonly cycles?: number | undefined;
  /** Things that happen to the tree in each cycle. */
  readonly changes?: number | undefined;
}

const TURNS: readonly ToolName[] = ["restic", "tsbak"];

/**
 * A tree changes at random, and both tools back it up in turn to one repository. At the end both find it clean, and each
 * snapshot restores equal with the tool that did not write it.
 */
export function proveCycles(options: CyclesOptions): Promise<Report> {
  const seed = options.seed ?? "1";
  return prove("cycles", options, async (workshop, findings) => {
    const source = workshop.path("source");
    makeRandomTree(source, { ...options, seed });
    const repository = await initRepository(workshop, "restic", "repository");
    const log = new SnapshotLog();

    for (let cycle = 0; cycle < (options.cycles ?? 20); cycle++) {
      if (cycle > 0) mutateTree(source, { seed: `${seed} ${cycle}`, changes: options.changes });
      const writer = turn(cycle);
      const { id, dataBlobs } = await backupStep(repository, writer, ".", { cwd: source });
      log.record(id, source);
      findings.count("snapshots");
      findings.note(`${writer} made the snapshot ${id}, ${dataBlobs} new data blobs`);
    }

    await checkStep(repository, TURNS);
    findings.note("both find the repository clean");
    for (const [cycle, id] of log.ids.entries())
      findings.judge(
        `${turn(cycle + 1)} restores ${id}`,
        await log.compare(repository, turn(cycle + 1), id),
      );
    await restoreStep(repository, "tsbak", "latest", workshop.path("latest"));
    findings.judge(
      "the last is equal to the source",
      compareTrees(source, workshop.path("latest")),
    );
  });
}

function turn(cycle: number): ToolName {
  return TURNS[cycle % TURNS.length] ?? "tsbak";
}
