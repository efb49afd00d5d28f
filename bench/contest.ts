import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { checkCommand, Workshop } from "../test/peers.ts";
import { initRepository, type TestRepository } from "../test/steps.ts";
import type { DataSet } from "./data.ts";
import { combine, measure, sizeOfFiles, type Contestant, type Cost } from "./measure.ts";

/** The pieces of work that are measured, in the order in which they are done. */
export const WORKS = ["first backup", "unchanged backup", "restore", "verify, all data"] as const;

export type Work = (typeof WORKS)[number];

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
  readonly log: (line: string) => void;
}

/** One contestant's place in a round. */
interface Entrant {
  readonly contestant: Contestant;
  readonly costs: Map<Work, Cost[]>;
  repository?: TestRepository;
  repositorySize: number;
}

/**
 * Let the contestants do all works on one data set, piece by piece in turn, so that a machine that is slow for a while is
 * slow for all of them. The turn begins with another one in each round.
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
  readOnce(data.folder);
  for (let round = 0; round < options.rounds; round++)
    await playRound(data, entrants, round, options);
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
  const order = entrants
    .map((_, n) => entrants[(n + round) % entrants.length])
    .filter((one) => one !== undefined);
  const workshops = order.map(() => new Workshop(options.folder));
  try {
    for (const [n, entrant] of order.entries()) {
      const workshop = workshops[n];
      if (workshop)
        entrant.repository = await initRepository(workshop, entrant.contestant.tool, "repository");
    }
    for (const work of WORKS)
      for (const entrant of order) {
        const cost = perform(work, entrant, data);
        entrant.costs.set(work, [...(entrant.costs.get(work) ?? []), cost]);
        options.log(
          `${data.title}, ${work}, ${entrant.contestant.title}: ${cost.wallSeconds.toFixed(2)} s`,
        );
      }
  } finally {
    for (const workshop of workshops) workshop.close();
  }
}

function perform(work: Work, entrant: Entrant, data: DataSet): Cost {
  const { contestant, repository } = entrant;
  if (!repository) throw new Error(`${contestant.title} has no repository`);
  const run = (args: readonly string[], cwd?: string): Cost =>
    measure(repository, contestant, args, cwd);
  if (work === "verify, all data") return run([checkCommand(contestant.tool), "--read-data"]);
  if (work === "restore") {
    const target = repository.workshop.path("target");
    const cost = run(["restore", "latest", "--target", target]);
    rmSync(target, { recursive: true });
    return cost;
  }
  const cost = run(["backup", "."], data.folder);
  if (work === "first backup") entrant.repositorySize = sizeOfFiles(repository.folder);
  return cost;
}

/** So that nobody is the one who pays for the disk. */
function readOnce(folder: string): void {
  spawnSync("bash", ["-c", 'find "$0" -xdev -type f -print0 | xargs -0 cat > /dev/null', folder], {
    stdio: "ignore",
  });
}
