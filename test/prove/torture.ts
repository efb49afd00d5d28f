import { mkdirSync, rmSync } from "node:fs";
import { compareAttributes } from "../compare-attributes.ts";
import { compareTrees } from "../compare-trees.ts";
import { clearFlags, hasInodeFlags, listFlags } from "../inode-flags.ts";
import type { ToolName, Workshop } from "../peers.ts";
import { backupStep, checkStep, initRepository, restoreStep } from "../steps.ts";
import { makeTortureTree, type TortureOptions } from "../torture-tree.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";

const OWN_OPTIONS = ["--with-birth-time", "--with-inode-flags"];

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
    const withFlags = hasInodeFlags(workshop.folder);
    if (!withFlags) findings.note("no inode flags here");
    await judgePair(workshop, findings, { ...options, withFlags }, ["tsbak", "tsbak"]);
    await judgePair(workshop, findings, { ...options, asRestic: true }, ["tsbak", "restic"]);
    await judgePair(workshop, findings, options, ["restic", "tsbak"]);
  });
}

function compareFlags(source: string, target: string): string[] {
  const [expected, found] = [listFlags(source), listFlags(target)];
  if (expected.length === 0) return ["there are none in the source"];
  const isSame = expected.join("\n") === found.join("\n");
  return isSame ? [] : [`${found.join(", ")}, expected ${expected.join(", ")}`];
}

async function judgePair(
  workshop: Workshop,
  findings: Findings,
  options: TortureOptions,
  [writer, reader]: readonly [ToolName, ToolName],
): Promise<void> {
  const [source, target] = [workshop.path("source"), workshop.path("target")];
  mkdirSync(source);
  try {
    makeTortureTree(source, options);
    await judgeTree(workshop, findings, options, [writer, reader]);
  } finally {
    for (const folder of [source, target]) clearFlags(folder);
  }
  for (const folder of [source, target, workshop.path("repository")]) {
    rmSync(folder, { recursive: true });
  }
}

async function judgeTree(
  workshop: Workshop,
  findings: Findings,
  { withFlags }: TortureOptions,
  [writer, reader]: readonly [ToolName, ToolName],
): Promise<void> {
  const [source, target] = [workshop.path("source"), workshop.path("target")];
  const repository = await initRepository(workshop, writer, "repository");
  const first = await backupStep(repository, writer, ".", { cwd: source });
  findings.note(`${writer} stored it in ${(first.durationMs / 1000).toFixed(1)} s`);
  const other: ToolName = writer === "tsbak" ? "restic" : "tsbak";
  const second = await backupStep(repository, other, ".", { cwd: source, args: ["--force"] });
  const problems = first.tree === second.tree ? [] : [`${second.tree}, expected ${first.tree}`];
  findings.judge(`${other} makes the same tree as ${writer}`, problems);
  await checkStep(repository, [writer, other]);
  const full =
    withFlags === true
      ? await backupStep(repository, writer, ".", { cwd: source, args: OWN_OPTIONS })
      : first;
  await restoreStep(repository, reader, full.id, target, { args: ["--sparse"] });
  // Nobody restores sockets: whoever listened makes them again.
  rmSync(`${source}/socket`);
  const judged = `${reader} restores equal what ${writer} stored`;
  findings.judge(judged, [...compareTrees(source, target), ...compareAttributes(source, target)]);
  if (withFlags === true) findings.judge("inode flags, too", compareFlags(source, target));
}
