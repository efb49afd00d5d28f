import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { onRepository, type TestRepository } from "../test/steps.ts";
import { findPeer, type ToolName } from "../test/peers.ts";

/** What one run of a program cost. */
export interface Cost {
  readonly wallSeconds: number;
  /** Of all its threads, in user and system mode. */
  readonly cpuSeconds: number;
  readonly peakMib: number;
}

/** One program that takes part: a tool and, for ours, the Node.js that runs it. */
export interface Contestant {
  readonly title: string;
  readonly tool: ToolName;
  readonly node?: string | undefined;
}

const TIME = "/usr/bin/time";

/**
 * Run a tool on a repository and measure it by `time`.
 *
 * @throws {Error} If the tool fails: a figure of a failed run would mean nothing.
 */
export function measure(
  repository: TestRepository,
  contestant: Contestant,
  args: readonly string[],
  cwd?: string,
): Cost {
  const figures = repository.workshop.path("time.txt");
  const command = findPeer(contestant.tool, contestant.node);
  if (!command)
    throw new Error(
      `${contestant.tool} is missing: run scripts/install-peers.sh and npm run build`,
    );
  // What an earlier run left to be written must not be paid for by this one.
  spawnSync("sync");
  const result = spawnSync(TIME, ["-q", "-f", "%e %U %S %M", "-o", figures, ...command, ...args], {
    cwd,
    env: { ...repository.workshop.environment(), ...onRepository(repository).env },
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (result.error) throw new Error(`Cannot run ${TIME}`, { cause: result.error });
  if (result.status !== 0)
    throw new Error(
      `${contestant.title} ${args[0]} ended with ${result.status}:\n${result.stderr.slice(-3000)}`,
    );
  const [wall = 0, user = 0, system = 0, peakKib = 0] = fs
    .readFileSync(figures, "utf8")
    .split(" ")
    .map(Number);
  return { wallSeconds: wall, cpuSeconds: user + system, peakMib: peakKib / 1024 };
}

/** Costs of several runs of the same work: mean times, largest peak. */
export function combine(costs: readonly Cost[]): Cost {
  const mean = (of: (cost: Cost) => number): number =>
    costs.reduce((sum, cost) => sum + of(cost), 0) / costs.length;
  return {
    wallSeconds: mean((cost) => cost.wallSeconds),
    cpuSeconds: mean((cost) => cost.cpuSeconds),
    peakMib: Math.max(...costs.map((cost) => cost.peakMib)),
  };
}

/** Bytes of all files below a folder. */
export function sizeOfFiles(folder: string): number {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + fs.statSync(`${entry.parentPath}/${entry.name}`).size, 0);
}
