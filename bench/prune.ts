/**
 * What it takes to prune a repository in which every third file of each pack is not needed any more.
 *
 * @module
 */
import { cpSync, rmSync } from "node:fs";
import { Workshop } from "../test/peers.ts";
import { initRepository, mustOn, type TestRepository } from "../test/steps.ts";
import type { DataSet } from "./data.ts";
import { combine, measure, sizeOfFiles, type Contestant, type Cost } from "./measure.ts";

/** Files that the snapshot which is kept does not have; scattered over all folders. */
const LEFT_OUT = "*[0aeiou].*";

export interface PruneScore {
  readonly contestant: Contestant;
  readonly cost: Cost;
  /** Of the repository afterwards, in bytes. */
  readonly size: number;
}

/** Restic makes the repository; each contestant prunes copies of it, in turn. */
export async function measurePrune(
  data: DataSet,
  contestants: readonly Contestant[],
  options: { readonly rounds: number; readonly folder: string },
): Promise<PruneScore[]> {
  const workshop = new Workshop(options.folder);
  try {
    const grown = await grow(workshop, data);
    const costs = contestants.map((): Cost[] => []);
    const sizes = contestants.map(() => 0);
    for (let round = 0; round < options.rounds; round++) {
      for (let turn = 0; turn < contestants.length; turn++) {
        const n = (round + turn) % contestants.length;
        const copy = { workshop, folder: workshop.path("copy") };
        cpSync(grown.folder, copy.folder, { recursive: true });
        const contestant = contestants[n] as Contestant;
        costs[n]?.push(measure(copy, contestant, ["prune", "--max-unused", "0"]));
        sizes[n] = sizeOfFiles(copy.folder);
        rmSync(copy.folder, { recursive: true });
      }
    }
    return contestants.map((contestant, n) => ({
      contestant,
      cost: combine(costs[n] ?? []),
      size: sizes[n] ?? 0,
    }));
  } finally {
    workshop.close();
  }
}

async function grow(workshop: Workshop, { folder }: DataSet): Promise<TestRepository> {
  const repository = await initRepository(workshop, "restic", "grown");
  const cwd = { cwd: folder };
  await mustOn(repository, "restic", ["backup", "-q", "."], cwd);
  await mustOn(repository, "restic", ["backup", "-q", "--exclude", LEFT_OUT, "."], cwd);
  await mustOn(repository, "restic", ["forget", "-q", "--group-by", "", "--keep-last", "1"]);
  return repository;
}
