import * as fs from "node:fs";
import { join } from "node:path";
import { describeTree } from "../compare-trees.ts";
import { checkCommand, type Workshop } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import { showRaw } from "../raw-path.ts";
import { backupStep, initRepository, mustOn, runOn, type TestRepository } from "../steps.ts";
import { findRegions, type Region } from "./regions.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";

/**
 * One byte is changed in each region of each kind of file. Verify names the file; restore brings back every file right or
 * says by its name that it could not, and ends with 1 if there was any.
 */
export function proveFlip(options: ProofOptions): Promise<Report> {
  return prove("flip", options, async (workshop, findings) => {
    const source = workshop.path("source");
    makeRandomTree(source, { size: 4e6, files: 30, ...options, seed: options.seed ?? 1 });
    const repository = await initRepository(workshop, "tsbak", "repository");
    await backupStep(repository, "tsbak", ".", { cwd: source });
    const expected = describeTree(source);

    for (const region of await findRegions(repository)) {
      const damaged = { workshop, folder: workshop.path("damaged") };
      fs.cpSync(repository.folder, damaged.folder, { recursive: true });
      flipByte(join(damaged.folder, region.file), region.offset);
      await judgeVerify(damaged, findings, region);
      await judgeRestore(workshop, damaged, findings, region, expected);
      fs.rmSync(damaged.folder, { recursive: true });
      findings.count("flips");
    }
    await mustOn(repository, "tsbak", [checkCommand("tsbak"), "--read-data"]);
  });
}

function flipByte(path: string, offset: number): void {
  fs.chmodSync(path, 0o600);
  const content = fs.readFileSync(path);
  content[offset] = (content[offset] ?? 0) ^ 0x01;
  fs.writeFileSync(path, content);
}

async function judgeVerify(
  damaged: TestRepository,
  findings: Findings,
  region: Region,
): Promise<void> {
  const result = await runOn(damaged, "tsbak", [
    checkCommand("tsbak"),
    "--read-data",
    "--no-cache",
  ]);
  const output = result.stdout + result.stderr;
  const problems: string[] = [];
  if (result.code === 0) problems.push(`verify ends with 0:\n${output}`);
  if (!region.names.some((name) => output.includes(name)))
    problems.push(`verify does not name ${region.names.join(" or ")}:\n${output.slice(-1500)}`);
  findings.judge(`verify sees ${region.title}`, problems);
}

async function judgeRestore(
  workshop: Workshop,
  damaged: TestRepository,
  findings: Findings,
  region: Region,
  expected: ReadonlyMap<string, string>,
): Promise<void> {
  const target = workshop.path("target");
  fs.mkdirSync(target);
  const result = await runOn(damaged, "tsbak", [
    "restore",
    "latest",
    "--target",
    target,
    "--no-cache",
  ]);
  const actual = describeTree(target);
  const output = result.stdout + result.stderr;
  const wrong = [...expected.keys()].filter(
    (path) => contentOf(actual.get(path)) !== contentOf(expected.get(path)),
  );

  const problems = [
    ...judgeExit(result.code, wrong.length, region),
    ...(region.kind === "data pack"
      ? judgeNames(wrong, expected, output)
      : judgeContent(wrong, actual)),
  ];
  if (problems.length > 0) problems.push(`it printed:\n${output.slice(-1500)}`);
  findings.count("files that could not be restored", wrong.length);
  findings.judge(`restore after ${region.title}`, problems);
  fs.rmSync(target, { recursive: true });
}

function judgeExit(code: number, wrong: number, region: Region): string[] {
  if (wrong === 0) return code === 0 || !region.restorable ? [] : [`restore ends with ${code}`];
  const expected = region.kind === "data pack" ? code === 1 : code !== 0;
  return expected ? [] : [`restore ends with ${code} though ${wrong} files are wrong`];
}

/** The tree is known, so each file that is not as it was has to be named, by one of its names. */
function judgeNames(
  wrong: readonly string[],
  expected: ReadonlyMap<string, string>,
  output: string,
): string[] {
  const unnamed = wrong.filter((path) => {
    const isLaterName = expected.get(path)?.includes(" same file as ") ?? false;
    return !isLaterName && !isNamed(path, output);
  });
  return unnamed.map((path) => `restore does not name ${showRaw(path)}`);
}

/** Names may be lost with the tree, but what is there is right. */
function judgeContent(wrong: readonly string[], actual: ReadonlyMap<string, string>): string[] {
  const present = wrong.filter((path) => contentOf(actual.get(path))?.includes("sha256"));
  return present.map((path) => `restore leaves ${showRaw(path)} with other content`);
}

/** Size, hash and target, without the metadata that a file which failed may lack. */
function contentOf(line: string | undefined): string | undefined {
  return line?.replace(/^mode \d+ owner \S+ mtime \S+ ?/, "").replace(/ same file as .*/, "");
}

/** Whether the output holds the path. Each tool shows odd bytes in its own way, so only the plain ones count. */
function isNamed(path: string, output: string): boolean {
  const pattern = path.replace(/[^\w/]+|\./g, (odd) => `[^]{0,${odd.length * 12}}`);
  return new RegExp(pattern).test(output);
}
