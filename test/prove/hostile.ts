import { readdirSync } from "node:fs";
import { ForgedRepository, forgeDirectory, forgeFile } from "../forged-repository.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";
import type { RunResult, Workshop } from "../peers.ts";

export interface HostileProofOptions extends ProofOptions {
  /** Files in one directory. */
  readonly entries: number;
  /** Directories in each other. */
  readonly depth: number;
  /** Trees that hold the next one twice, so that there are two to the power of it directories at the bottom. */
  readonly levels: number;
}

const PASSWORD = "correct horse";
const LOST = "ab".repeat(32);
/** So much comes only from a program that goes on listing. */
const SOME_OUTPUT = 1 << 20;

/** Snapshots that were forged to use up whoever reads them: `restore`, `ls` and `verify` come to an end, and say why. */
export function proveHostile(options: HostileProofOptions): Promise<Report> {
  return prove("hostile", options, async (workshop, findings) => {
    const folder = workshop.path("repository");
    const forged = await ForgedRepository.create(folder, PASSWORD);
    const file = forgeFile("lost", 4, [LOST]);
    let [deep, wide] = [forged.tree(file), forged.tree(file)];
    for (let at = 0; at < options.depth; at++) deep = forged.tree(forgeDirectory("d", deep));
    for (let at = 0; at < options.levels; at++) {
      wide = forged.tree(forgeDirectory("a", wide), forgeDirectory("b", wide));
    }
    const content = [forged.data("text")];
    const names = Array.from({ length: options.entries }, (_, at) => `f${1e7 + at}`);
    const many = forged.treeOf(names.map((name) => forgeFile(name, 4, content)));
    const snapshots = await forged.finish({ deep, wide, many });
    const run = (...args: string[]): Promise<RunResult> =>
      workshop.runTsbak(["-r", folder, ...args]);
    await judgeMany(workshop, findings, options, (...args) => run(...args, snapshots.many));
    await judgeDeep(workshop, findings, options, (...args) => run(...args, snapshots.deep));
    await judgeWide(workshop, findings, (...args) => run(...args, snapshots.wide));
    for (const command of [
      ["ls", snapshots.wide],
      ["find", "--snapshot", snapshots.wide, "a"],
    ]) {
      await judgeInterrupted(workshop, findings, ["-r", folder, ...command]);
    }
    judge(findings, "verify names what is lost", await run("verify"), { code: 1, stderr: LOST });
  });
}

type Run = (...args: string[]) => Promise<RunResult>;

async function judgeMany(
  workshop: Workshop,
  findings: Findings,
  { entries }: HostileProofOptions,
  run: Run,
): Promise<void> {
  const target = workshop.path("many");
  judge(findings, `restore of ${entries} files`, await run("restore", "--target", target));
  const there = readdirSync(target).length;
  findings.judge("all of them are there", there === entries ? [] : [`there are ${there}`]);
  const listed = await run("ls", "--quiet");
  judge(findings, `ls of ${entries} files`, listed);
  findings.judge("all of them are listed", linesOf(listed) === entries ? [] : ["some are not"]);
}

async function judgeDeep(
  workshop: Workshop,
  findings: Findings,
  { depth }: HostileProofOptions,
  run: Run,
): Promise<void> {
  const restored = await run("restore", "--target", workshop.path("deep"));
  const step = `restore of ${depth} directories in each other`;
  judge(findings, step, restored, { code: 1, stderr: "its path is too long" });
  const listed = await run("ls", "--quiet");
  judge(findings, `ls of ${depth} directories in each other`, listed);
  findings.judge("all of them are listed", linesOf(listed) === depth + 1 ? [] : ["some are not"]);
}

async function judgeWide(workshop: Workshop, findings: Findings, run: Run): Promise<void> {
  const all = await run("restore", "--target", workshop.path("wide"));
  const refusal = { code: 1, stderr: "because its directories hold each other over and over" };
  judge(findings, "restore of directories that hold each other", all, refusal);
}

/** It would list for ever, which restic does, too; but it lists, and it can be ended. */
async function judgeInterrupted(
  workshop: Workshop,
  findings: Findings,
  args: readonly string[],
): Promise<void> {
  const child = workshop.start("tsbak", args, {}, "pipe");
  let length = 0;
  child.stdout?.on("data", (chunk: Uint8Array) => {
    const before = length;
    length += chunk.length;
    // Once: a second signal would end it without unlocking the repository.
    if (before <= SOME_OUTPUT && length > SOME_OUTPUT) child.kill("SIGINT");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const step = `${args[2] ?? ""} of directories that hold each other can be interrupted`;
  findings.judge(step, code === 130 ? [] : [`ended with ${code} after ${length} bytes`]);
}

function judge(
  findings: Findings,
  step: string,
  { code, stderr }: RunResult,
  expected: { readonly code: number; readonly stderr?: string } = { code: 0 },
): void {
  const problems: string[] = [];
  if (code !== expected.code) problems.push(`ended with ${code}: ${stderr.slice(-500)}`);
  if (!stderr.includes(expected.stderr ?? "")) problems.push(`it said: ${stderr.slice(-500)}`);
  findings.judge(step, problems);
}

function linesOf({ stdout }: RunResult): number {
  return stdout.split("\n").length - 1;
}
