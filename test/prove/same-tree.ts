import { rmSync } from "node:fs";
import type { ToolName, Workshop } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import { backupStep, checkStep, initRepository } from "../steps.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";

export interface SameTreeOptions extends ProofOptions {
  /** The folder to back up. A random tree of `size` is made unless given. */
  readonly source?: string | undefined;
}

/**
 * Both tools, in both orders, make the same root tree of one source, and the second adds no blob to what the first wrote,
 * though it is told to read every file.
 */
export function proveSameTree(options: SameTreeOptions): Promise<Report> {
  return prove("same-tree", options, async (workshop, findings) => {
    for (const other of ["restic", "restic-0.14"] satisfies ToolName[]) {
      const source = options.source ?? workshop.path(`source-${other}`);
      // Restic before 0.16 writes link targets that are not UTF-8 differently.
      const utf8Targets = other === "restic-0.14";
      if (options.source === undefined)
        makeRandomTree(source, { ...options, seed: options.seed ?? 1, utf8Targets });
      for (const version of [2, 1] as const) {
        await judgeOrder(workshop, findings, source, [other, "tsbak"], version);
        await judgeOrder(workshop, findings, source, ["tsbak", other], version);
      }
    }
  });
}

async function judgeOrder(
  workshop: Workshop,
  findings: Findings,
  source: string,
  order: readonly [ToolName, ToolName],
  version: 1 | 2,
): Promise<void> {
  const [first, second] = order;
  const repository = await initRepository(workshop, first, "repository", version);
  const before = await backupStep(repository, first, ".", { cwd: source });
  const after = await backupStep(repository, second, ".", { cwd: source, args: ["--force"] });

  const problems: string[] = [];
  if (after.tree !== before.tree) problems.push(`root tree ${after.tree}, expected ${before.tree}`);
  if (after.dataBlobs + after.treeBlobs > 0)
    problems.push(`${after.dataBlobs} data blobs and ${after.treeBlobs} tree blobs are new`);
  findings.judge(`version ${version}: ${second} after ${first}`, problems);
  findings.figures["data blobs"] = before.dataBlobs;
  findings.figures["tree blobs"] = before.treeBlobs;
  await checkStep(repository, order);
  rmSync(repository.folder, { recursive: true });
}
