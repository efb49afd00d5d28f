import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { checkCommand, Workshop } from "../test/peers.ts";
import { initRepository, type TestRepository } from "../test/steps.ts";
import type { DataSet } from "./data.ts";
import type { Leftovers } from "./leftovers.ts";
import { combine, measure, sizeOfFiles, type Contestant, type Cost } from "./measure.ts";

/** The pieces of work that are measured, in the order in which they are done. */
export const WORKS = [
  "first backup",
  "unchanged backup",
  "restore",
  "verify, all data",
  "copy",
] as const;

export type Work = (typeof WORKS)[number];

/** How often a round does it: of one that takes but seconds, a moment's disturbance would be a large share. */
const TIMES: Partial<Record<Work, number>> = { "unchanged backup": 3 };

/** What a contestant needed for one data set. */
export interface Score {
  readonly contestant: Contestant;
  readonly costs: ReadonlyMap<Work, Cost>;
  readonly repositorySize: number;
}

export interface ContestOptions {
  /** How often everything is done; the mean counts. */
  readonly rounds: number;
  /** Where repositories and restored trees are made. */
  readonly folder: string;
  /** Whether what is read is in the page cache before each piece of work, or nothing is. */
  readonly cache: "warm" | "cold";
  /** Takes what is left of each round. */
  readonly leftovers: Leftovers;
  readonly log: (line: string) => void;
}

/** One contestant's place in a round. */
interface Entrant {
  readonly contestant: Contestant;
  readonly costs: Map<Work, Cost[]>;
  repository?: TestRepository;
  /** Where that is copied to. */
  copy?: TestRepository;
  repositorySize: number;
}

/**
 * Let the contestants do all works on one data set, piece by piece in turn, so that a machine that is slow for a while is
 * slow for all of them. Each piece of work, and each round, begins with another one: nobody always finds the cleaner disk.
 */
export async function contest(
  data: DataSet,
  contestants: readonly Contestant[],
  options: ContestOptions,
): Promise<Score[]> {
  const entrants = contestants.map((contestant): Entrant => ({
    contestant,
    costs: new Map(),
    repositorySize: 0,
  }));
  for (let round = 0; round < options.rounds; round++) {
    // A repository, its copy and a restored tree for each, and some room to breathe.
    await options.leftovers.makeRoom(contestants.length * 3.5 * sizeOfTree(data.folder));
    await playRound(data, entrants, round, options);
  }
  return entrants.map(({ contestant, costs, repositorySize }) => ({
    contestant,
    costs: new Map(Array.from(costs, ([work, all]) => [work, combine(all)])),
    repositorySize,
  }));
}

async function playRound(
  data: DataSet,
  entrants: readonly Entrant[],
  round: number,
  options: ContestOptions,
): Promise<void> {
  const workshops = entrants.map(() => new Workshop(options.folder));
  try {
    for (const [n, entrant] of entrants.entries()) {
      const workshop = workshops[n] as Workshop;
      const { tool } = entrant.contestant;
      entrant.repository = await initRepository(workshop, tool, "repository");
      entrant.copy = await initRepository(workshop, tool, "copy");
    }
    const turns = WORKS.flatMap((work) => Array.from({ length: TIMES[work] ?? 1 }, () => work));
    for (const [turn, work] of turns.entries())
      for (const entrant of rotated(entrants, round + turn)) {
        prepareCache(options.cache, work, entrant, data);
        const cost = perform(work, entrant, data);
        entrant.costs.set(work, [...(entrant.costs.get(work) ?? []), cost]);
        options.log(
          `${data.title}, ${work}, ${entrant.contestant.title}: ${cost.wallSeconds.toFixed(2)} s`,
        );
      }
  } finally {
    options.leftovers.keep(workshops);
  }
}

function rotated<T>(all: readonly T[], by: number): T[] {
  const first = by % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

function perform(work: Work, entrant: Entrant, data: DataSet): Cost {
  const { contestant, repository, copy } = entrant;
  if (!repository || !copy) throw new Error(`${contestant.title} has no repository`);
  const run = (args: readonly string[], cwd?: string): Cost =>
    measure(repository, contestant, args, cwd);
  if (work === "verify, all data") return run([checkCommand(contestant.tool), "--read-data"]);
  if (work === "copy") {
    const password = ["--from-password-command", "printenv RESTIC_PASSWORD"];
    return measure(copy, contestant, ["copy", "--from-repo", repository.folder, ...password]);
  }
  if (work === "restore")
    return run(["restore", "latest", "--target", repository.workshop.path("target")]);
  const cost = run(["backup", "."], data.folder);
  if (work === "first backup") entrant.repositorySize = sizeOfFiles(repository.folder);
  return cost;
}

/**
 * Nobody shall have the cache that another one filled, or that only its own way of writing fills. In a cold one the programs
 * themselves are there.
 */
function prepareCache(
  cache: ContestOptions["cache"],
  work: Work,
  { repository, contestant }: Entrant,
  data: DataSet,
): void {
  // Nobody shall wait for the disk to take what another one wrote.
  spawnSync("sync");
  if (cache === "cold") {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    if (repository) measure(repository, contestant, ["snapshots"]);
  } else if (work === "unchanged backup") lookOnce(data.folder);
  else readOnce(work === "first backup" ? data.folder : (repository?.folder ?? ""));
}

/** What an unchanged backup reads: contents would push that out of the cache where there are many. */
function lookOnce(folder: string): void {
  spawnSync("find", [folder, "-xdev", "-printf", "%s %p"], { stdio: "ignore" });
}

function readOnce(folder: string): void {
  spawnSync("bash", ["-c", 'find "$0" -xdev -type f -print0 | xargs -0 cat > /dev/null', folder], {
    stdio: "ignore",
  });
}

/** What the tree takes on its disk, in bytes. */
function sizeOfTree(folder: string): number {
  const { stdout } = spawnSync("du", ["-sxk", folder], { encoding: "utf8" });
  return Number.parseInt(stdout, 10) * 1024;
}
