import type { WorkerPool } from "../workers/worker-pool.ts";
import { makeBatch } from "./entry-batch.ts";
import type { RestorePlan } from "./restore-plan.ts";
import type { RestoreProgress } from "./progress.ts";
import type { RestoreResult, RestoreTask } from "./protocol.ts";

/** Directories that one task takes: one of each level for each thread, if they are not very few or very many. */
const LEAST_BATCH = 32;
const LARGEST_BATCH = 512;

/**
 * Give all directories their metadata, when nothing will be written in them any more. The deepest come first: whoever is
 * not root may lose the way to them through a parent's new mode.
 */
export async function finishDirectories(
  plan: RestorePlan,
  pool: WorkerPool<RestoreTask, RestoreResult>,
  progress: RestoreProgress,
): Promise<void> {
  for (const level of byDepth(plan).reverse()) {
    const batches: Promise<void>[] = [];
    const share = Math.ceil(level.length / pool.size);
    const size = Math.min(Math.max(share, LEAST_BATCH), LARGEST_BATCH);
    for (let at = 0; at < level.length; at += size) {
      batches.push(finishBatch(level.slice(at, at + size), plan, pool, progress));
    }
    await Promise.all(batches);
  }
}

async function finishBatch(
  chosen: readonly number[],
  plan: RestorePlan,
  pool: WorkerPool<RestoreTask, RestoreResult>,
  progress: RestoreProgress,
): Promise<void> {
  const { directories } = plan;
  const entries = makeBatch(directories, directories, chosen);
  const { failures } = await pool.run({ kind: "directories", entries });
  for (const { of, at, message, refused } of failures) {
    if (of === "refused") progress.refused(refused ?? 0);
    else progress.error(plan.path(directories, chosen[at] as number), message);
  }
  for (const directory of chosen) {
    progress.done("dir", 0, () => plan.path(directories, directory));
  }
}

/** Numbers of directories by their depth; the target itself is left out, because no snapshot knows it. */
function byDepth({ directories }: RestorePlan): number[][] {
  const levels: number[][] = [];
  for (let directory = 1; directory < directories.length; directory++) {
    (levels[directories.depth(directory) - 1] ??= []).push(directory);
  }
  return levels;
}
