import { forEachConcurrent } from "../../async/map-concurrent.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { copyToTrash } from "../../repository/trash.ts";

/** A week: who notices by Monday what went wrong at the weekend can still bring it back. */
export const DEFAULT_GRACE_MS: number = 7 * 86_400_000;

/** How to forget. */
export interface ForgetOptions extends CallOptions {
  /** How long forgotten snapshots can be brought back, in milliseconds; 0 for not at all. `DEFAULT_GRACE_MS` unless given. */
  readonly graceMs?: number | undefined;
  /** Called after each snapshot; with an error if it is still there. */
  readonly onSnapshot?: ((id: string, error?: TsbakError) => void) | undefined;
}

/** What became of the snapshots. */
export interface ForgetResult {
  readonly removed: readonly string[];
  readonly failed: readonly string[];
  /** `unsupported`: the store takes no such files, so that what is removed is gone. */
  readonly trash: "kept" | "off" | "unsupported";
}

/**
 * Remove snapshots by their full ids, under an exclusive lock that the caller holds. Their data stays until prune. Each is copied to the
 * trash before it is removed, so that a run that is killed at any instant loses none. One that cannot be removed is reported and does
 * not stop the others.
 *
 * @throws {TsbakError} `interrupted`.
 */
export async function forgetSnapshots(
  repository: Repository,
  ids: Iterable<string>,
  options: ForgetOptions = {},
): Promise<ForgetResult> {
  const { graceMs = DEFAULT_GRACE_MS, signal, onSnapshot } = options;
  const removed: string[] = [];
  const failed: string[] = [];
  let trash: ForgetResult["trash"] = graceMs > 0 ? "kept" : "off";
  const forget = async (id: string): Promise<void> => {
    try {
      if (trash === "kept" && !(await keepCopy(repository, id, graceMs, { signal }))) {
        trash = "unsupported";
      }
      await repository.backend.remove({ kind: "snapshot", name: id }, { signal });
      removed.push(id);
      onSnapshot?.(id);
    } catch (error) {
      if (!isTsbakError(error) || error.code === "interrupted") throw error;
      failed.push(id);
      onSnapshot?.(id, error);
    }
  };
  const concurrency = repository.backend.connections;
  await forEachConcurrent(ids, forget, { concurrency, signal });
  return { removed, failed, trash };
}

/** False if the store has no trash. A snapshot that is gone already needs no copy. */
async function keepCopy(
  repository: Repository,
  id: string,
  graceMs: number,
  options: CallOptions,
): Promise<boolean> {
  try {
    await copyToTrash(repository, id, graceMs, options);
    return true;
  } catch (error) {
    if (isTsbakError(error, "not-found")) return true;
    if (isTsbakError(error, "unsupported")) return false;
    throw error;
  }
}
