import { mkdirSync, rmSync } from "node:fs";
import { compareAttributes } from "../compare-attributes.ts";
import { compareTrees } from "../compare-trees.ts";
import type { ToolName, Workshop } from "../peers.ts";
import { backupStep, checkStep, initRepository, restoreStep } from "../steps.ts";
import { makeTortureTree, type TortureOptions } from "../torture-tree.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";

export interface TortureProofOptions extends ProofOptions {
  /** Files in one folder. */
  readonly entries: number;
  /** Length of the sparse file, in bytes. */
  readonly sparseSize: number;
}

/**
 * A tree with one of everything goes from tsbak to tsbak, from tsbak to restic and from restic to tsbak, and comes back with all its metadata;
 * both make the same tree of it. Takes root and a folder whose file system keeps long attributes.
 */
export function proveTorture(options: TortureProofOptions): Promise<Report> {
  return prove("torture", options, async (workshop, findings) => {
    await judgePair(workshop, findings, options, ["tsbak", "tsbak"]);
    await judgePair(workshop, findings, { ...options, asRestic: true }, ["tsbak", "restic"]);
    await judgePair(workshop, findings, options, ["restic", "tsbak"]);
  });
}

async function judgePair(
  workshop: Workshop,
  findings: Findings,
  options: TortureOptions,
  [writer, reader]: readonly [ToolName, ToolName],
): Promise<void> {
  const [source, target] = [workshop.path("source"), workshop.path("target")];
  mkdirSync(source);
  makeTortureTree(source, options);
  const repository = await initRepository(workshop, writer, "repository");
  const first = await backupStep(repository, writer, ".", { cwd: source });
  const other: ToolName = writer === "tsbak" ? "restic" : "tsbak";
  const second = await backupStep(repository, other, ".", { cwd: source, args: ["--force"] });
  const problems = first.tree === second.tree ? [] : [`${second.tree}, expected ${first.tree}`];
  findings.judge(`${other} makes the same tree as ${writer}`, problems);
  await checkStep(repository, [writer, other]);
  await restoreStep(repository, reader, first.id, target);
  // Nobody restores sockets: whoever listened makes them again.
  rmSync(`${source}/socket`);
  const judged = `${reader} restores equal what ${writer} stored`;
  findings.judge(judged, [...compareTrees(source, target), ...compareAttributes(source, target)]);
  for (const folder of [source, target, repository.folder]) rmSync(folder, { recursive: true });
}
