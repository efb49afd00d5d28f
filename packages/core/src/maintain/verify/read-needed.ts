import type { CallOptions } from "../../backend/backend.ts";
import { fromHex } from "../../bytes/hex.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import type { SnapshotRoot } from "./affected.ts";
import { NeededPacks } from "./needed-packs.ts";
import type { PackVerification } from "./pack-verification.ts";
import { readPacks, type VerifyPool } from "./read-packs.ts";

/** What trees are read with. The threads tell which packs trees need (`VerifySetup.notesPacks`). */
export interface NeededParts {
  readonly repository: Repository;
  readonly pool: VerifyPool;
  readonly packs: PackVerification;
  readonly index: BlobIndex;
}

/**
 * Read the trees of some snapshots and no others, level by level, as far as they can be read, and find out which packs these snapshots need.
 *
 * @throws {TsbakError} `interrupted`.
 */
export async function readNeededTrees(
  { repository, pool, packs, index }: NeededParts,
  roots: readonly SnapshotRoot[],
  call: CallOptions,
): Promise<NeededPacks> {
  const needed = new NeededPacks(index);
  const first = roots.map(({ tree }) => index.find("tree", fromHex(tree)));
  let level = needed.addTrees(first.filter((tree) => tree >= 0));
  while (level.length > 0) {
    const jobs = packs.planTrees(needed.copiesOf(level));
    await readPacks(
      repository,
      pool,
      jobs,
      (job, outcome) => {
        packs.take(job, outcome);
        if ("result" in outcome) needed.addPacks(outcome.result.usedPacks);
      },
      call,
    );
    level = level.flatMap((tree) => needed.addTrees(packs.graph.subtreesOf(tree)));
  }
  return needed;
}
