import { availableParallelism } from "node:os";
import type { Repository } from "../../repository/repository.ts";

/** See `PruneOptions.threads`. */
export function usualThreads({ backend }: Repository): number {
  const cores = availableParallelism();
  return backend.openFile === undefined ? cores : Math.max(Math.floor(cores / 2), 1);
}
