import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { findPeer } from "../test/peers.ts";
import { WORKS, type Score, type Work } from "./contest.ts";
import type { Contestant, Cost } from "./measure.ts";

/** How many times faster than restic each work must be: design, section 4. */
const GOALS: Readonly<Record<Work, number>> = {
  "first backup": 2,
  "unchanged backup": 3,
  restore: 1.5,
  "verify, all data": 1.5,
  copy: 1.5,
};

/** What the table's figures depend on: versions, machine, commit. */
export function describeMachine(contestants: readonly Contestant[]): string {
  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  const cores = cpus();
  const commit = run("git", "-C", import.meta.dirname, "rev-parse", "--short", "HEAD");
  const changed = run(
    "git",
    "-C",
    import.meta.dirname,
    "status",
    "--porcelain",
    "--untracked-files=no",
  );
  const versions = contestants.map(({ title, tool, node }) => {
    const [program = "", ...args] = findPeer(tool, node) ?? [];
    const version = run(program, ...args, "version");
    return `- ${title}: ${version}${node === undefined ? "" : `, Node.js ${run(node, "--version")}`}`;
  });
  return [
    `- machine: ${cores[0]?.model ?? "unknown"}, ${cores.length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    `- commit: ${commit}${changed === "" ? "" : " with changes"}`,
    ...versions,
  ].join("\n");
}

/** The first line of the table. The first contestant is the one that the others are compared with. */
export function tableHead(contestants: readonly Contestant[]): string {
  const [first, ...others] = contestants.map(({ title }) => title);
  const columns = [
    "work",
    first,
    ...others.flatMap((title) => [title, `x ${first}'s speed`]),
    "goal",
  ];
  return `Wall seconds / CPU seconds / peak MiB, repository size after the first backup.\n\n${row(columns)}\n${row(columns.map(() => "---"))}`;
}

/** The rows of one data set. */
export function tableRows(name: string, scores: readonly Score[]): string {
  const [first, ...others] = scores;
  const rows = WORKS.map((work) => {
    const base = first?.costs.get(work);
    const cells = others.flatMap((score) => {
      const cost = score.costs.get(work);
      const ratio = base && cost ? (base.wallSeconds / cost.wallSeconds).toFixed(2) : "";
      return [cell(work, score), ratio];
    });
    return row([`${name}: ${work}`, first ? cell(work, first) : "", ...cells, String(GOALS[work])]);
  });
  return rows.join("\n");
}

function cell(work: Work, score: Score): string {
  const cost = score.costs.get(work);
  if (!cost) return "";
  const size =
    work === "first backup" ? `, ${(score.repositorySize / 2 ** 30).toFixed(3)} GiB` : "";
  return formatCost(cost) + size;
}

/** Wall seconds, CPU seconds and peak MiB. */
export function formatCost({ wallSeconds, cpuSeconds, peakMib }: Cost): string {
  const digits = wallSeconds < 10 ? 2 : 1;
  return `${wallSeconds.toFixed(digits)} / ${cpuSeconds.toFixed(digits)} / ${Math.round(peakMib)}`;
}

function row(cells: readonly (string | undefined)[]): string {
  return `| ${cells.join(" | ")} |`;
}
