import * as fs from "node:fs";
import { mutateTree } from "../mutate-tree.ts";
import { measure, type Cost } from "../../bench/measure.ts";
import { isTestRun, type ToolName, type Workshop } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import {
  backupStep,
  checkStep,
  initRepository,
  listSnapshots,
  mustOn,
  type TestRepository,
} from "../steps.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";
import { SnapshotLog } from "./snapshot-log.ts";

export interface PruneProofOptions extends ProofOptions {
  /** A tree to be copied and changed; a random one of `size` unless given. */
  readonly source?: string | undefined;
  /** Snapshots that each tool makes; 30 unless given. */
  readonly versions?: number | undefined;
  /** How many combinations of flags are tried; all unless given. */
  readonly variants?: number | undefined;
  /** Tools that make a repository; both unless given. */
  readonly growers?: readonly ToolName[] | undefined;
}

/** Tried on copies of the same repository. */
const FLAGS: readonly (readonly string[])[] = [
  [],
  ["--max-unused", "0"],
  ["--max-unused", "unlimited", "--repack-smaller-than", "8M"],
  ["--repack-cacheable-only"],
  ["--max-repack-size", "20M"],
];
/** Every so many snapshots one is kept, beside the newest. */
const KEPT = 7;
/** What restic reaches may differ so much from what tsbak reaches. */
const TOLERANCE = 0.02;

/**
 * A repository that one of the tools grew over many versions of a tree, of which most are forgotten, is pruned by tsbak, and a copy of it by
 * restic with the same flags. Afterwards restic finds it clean, every snapshot that is left restores equal, and both have the same size.
 */
export function provePrune(options: PruneProofOptions): Promise<Report> {
  return prove("prune", options, async (workshop, findings) => {
    for (const grower of options.growers ?? (["restic", "tsbak"] as const)) {
      const log = new SnapshotLog();
      const grown = await grow(workshop, grower, log, options);
      const kept = await forget(grown, log);
      findings.note(`${grower} made ${log.ids.length} snapshots, ${kept.length} are kept`);
      for (const flags of FLAGS.slice(0, options.variants)) {
        const title = `${grower}'s, ${flags.join(" ") || "no flags"}`;
        await judgePrune(grown, title, flags, findings, async (pruned) => {
          if (flags.length > 0 && flags !== FLAGS[1]) return;
          for (const id of kept)
            findings.judge(`${title}: ${id} restores`, await log.compare(pruned, "restic", id));
        });
      }
      fs.rmSync(grown.folder, { recursive: true });
    }
  });
}

async function grow(
  workshop: Workshop,
  tool: ToolName,
  log: SnapshotLog,
  options: PruneProofOptions,
): Promise<TestRepository> {
  const { versions = 30, seed = "1", size = 8e6 } = options;
  const source = workshop.path("source");
  fs.rmSync(source, { recursive: true, force: true });
  if (options.source === undefined) makeRandomTree(source, { ...options, seed });
  else
    fs.cpSync(options.source, source, {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    });
  const repository = await initRepository(workshop, tool, `grown by ${tool}`);
  for (let version = 0; version < versions; version++) {
    if (version > 0)
      mutateTree(source, { seed: `${seed} ${version}`, changes: 60, largest: size / 4 });
    const { id } = await backupStep(repository, tool, ".", { cwd: source });
    log.record(id, source);
  }
  return repository;
}

/** Returns what is left. */
async function forget(repository: TestRepository, log: SnapshotLog): Promise<string[]> {
  const isKept = (n: number): boolean => n % KEPT === 0 || n === log.ids.length - 1;
  const kept = log.ids.filter((_, n) => isKept(n));
  const gone = log.ids.filter((_, n) => !isKept(n));
  await mustOn(repository, "restic", ["forget", ...gone]);
  const left = await listSnapshots(repository, "restic");
  if (left.length !== kept.length) throw new Error(`${left.length} snapshots are left`);
  return kept;
}

async function judgePrune(
  grown: TestRepository,
  title: string,
  flags: readonly string[],
  findings: Findings,
  judgeMore: (pruned: TestRepository) => Promise<void>,
): Promise<void> {
  const { workshop } = grown;
  const [ours, theirs] = (["tsbak", "restic"] as const).map((tool) => {
    const folder = workshop.path(`pruned by ${tool}`);
    fs.cpSync(grown.folder, folder, { recursive: true });
    return { workshop, folder };
  }) as [TestRepository, TestRepository];
  const before = sizeOfPacks(grown);
  const [theirCost, ourCost] = [
    await costOfPrune(theirs, "restic", flags),
    await costOfPrune(ours, "tsbak", flags),
  ];
  await mustOn(ours, "restic", ["check", "--read-data"]);
  if (flags.length === 0) await checkStep(ours, ["tsbak"]);
  const [ourSize, theirSize] = [sizeOfPacks(ours), sizeOfPacks(theirs)];
  const isNear = Math.abs(ourSize - theirSize) <= TOLERANCE * theirSize;
  const sizes = `${before} bytes became ${ourSize}, with restic ${theirSize}`;
  findings.judge(`${title}: ${sizes}`, isNear ? [] : [sizes]);
  findings.figures[title] = `${sizes}; ${compareCosts(ourCost, theirCost)}`;
  await judgeMore(ours);
  for (const { folder } of [ours, theirs]) fs.rmSync(folder, { recursive: true });
}

/** Memory is not measured in tests, where the program for it may be missing. */
async function costOfPrune(
  repository: TestRepository,
  tool: ToolName,
  flags: readonly string[],
): Promise<Pick<Cost, "wallSeconds" | "peakMib">> {
  const args = ["prune", ...flags];
  if (!isTestRun) return measure(repository, { title: tool, tool }, args);
  const start = performance.now();
  await mustOn(repository, tool, args);
  return { wallSeconds: (performance.now() - start) / 1000, peakMib: NaN };
}

/** Figures, not judgements: others may work on the machine. */
function compareCosts(
  ours: Pick<Cost, "wallSeconds" | "peakMib">,
  theirs: Pick<Cost, "wallSeconds" | "peakMib">,
): string {
  const speed = theirs.wallSeconds / ours.wallSeconds;
  const memory = ours.peakMib / theirs.peakMib;
  return (
    `${ours.wallSeconds.toFixed(1)} s, restic ${theirs.wallSeconds.toFixed(1)} s: ${speed.toFixed(1)} times its speed; ` +
    `${ours.peakMib.toFixed(0)} MiB, restic ${theirs.peakMib.toFixed(0)} MiB: ${memory.toFixed(2)} of its memory`
  );
}

function sizeOfPacks({ folder }: TestRepository): number {
  return fs
    .readdirSync(`${folder}/data`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + fs.statSync(`${entry.parentPath}/${entry.name}`).size, 0);
}
