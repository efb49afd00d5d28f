import { lstatSync, rmSync } from "node:fs";
import { compareTrees } from "../compare-trees.ts";
import type { ToolName, Workshop } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import { backupStep, checkStep, initByTool, restoreStep, type TestRepository } from "../steps.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";

export interface UsrOptions extends ProofOptions {
  /** The folder to back up, an absolute path. A random tree of `size` is made unless given. */
  readonly source?: string | undefined;
}

const OTHERS: readonly ToolName[] = ["restic", "restic-0.14"];

/**
 * A whole tree goes through each pair of tools and comes back equal: written by tsbak, checked and restored by both
 * versions of restic; written by them in both versions of the format, restored by tsbak.
 */
export function proveUsr(options: UsrOptions): Promise<Report> {
  return prove("usr", options, async (workshop, findings) => {
    const source = options.source ?? workshop.path("source");
    // Restic before 0.16 cannot keep link targets that are not UTF-8.
    if (options.source === undefined)
      makeRandomTree(source, { ...options, seed: options.seed ?? 1, utf8Targets: true });

    await judgeWriter(workshop, findings, source);
    for (const writer of OTHERS)
      for (const version of [1, 2] as const)
        await judgeReader(workshop, findings, source, writer, version);
  });
}

async function judgeWriter(workshop: Workshop, findings: Findings, source: string): Promise<void> {
  for (const version of [2, 1] as const) {
    const repository = await initByTool(workshop, "tsbak", "repository", version);
    const { id, dataBlobs } = await backupStep(repository, "tsbak", source);
    findings.figures[`data blobs, version ${version}`] = dataBlobs;
    await checkStep(repository, ["tsbak", ...OTHERS]);
    findings.note(`version ${version} written by tsbak is clean by ${OTHERS.join(" and ")}`);
    for (const reader of ["tsbak", ...OTHERS] satisfies ToolName[])
      await judgeRestore(findings, repository, reader, id, source);
    rmSync(repository.folder, { recursive: true });
  }
}

async function judgeReader(
  workshop: Workshop,
  findings: Findings,
  source: string,
  writer: ToolName,
  version: 1 | 2,
): Promise<void> {
  const repository = await initByTool(workshop, writer, "repository", version);
  const { id } = await backupStep(repository, writer, source);
  findings.note(`version ${version} is written by ${writer}`);
  await checkStep(repository, ["tsbak"]);
  await judgeRestore(findings, repository, "tsbak", id, source);
  rmSync(repository.folder, { recursive: true });
}

async function judgeRestore(
  findings: Findings,
  repository: TestRepository,
  reader: ToolName,
  id: string,
  source: string,
): Promise<void> {
  const target = repository.workshop.path("target");
  await restoreStep(repository, reader, id, target);
  const restored = target + source;
  findings.judge(
    `${reader} restores equal`,
    compareTrees(source, restored, { root: lstatSync(source).isDirectory() }),
  );
  findings.count("trees compared");
  rmSync(target, { recursive: true });
}
