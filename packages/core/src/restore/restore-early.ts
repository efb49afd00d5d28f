import { untilAborted } from "../async/interrupted.ts";
import { TsbakError } from "../errors.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotGuess, SnapshotSearch } from "../repository/snapshot-search.ts";
import type { SnapshotSelection } from "../repository/snapshots.ts";
import { restore, type RestoreOptions, type RestoreSummary } from "./restore.ts";

/** As for `restore`; the index and what is read ahead are those of the search. */
export interface EarlyOptions extends Omit<RestoreOptions, "index" | "ahead"> {
  /** Called with the snapshot when it is certain which one it is. */
  readonly onFound?: ((found: SnapshotSelection) => void) | undefined;
}

/**
 * Restore the snapshot that a search finds. It begins with the one that was there early, while that is listed again under the lock that the
 * caller holds; if it is another one then, or the index is, what was made is taken back, and all begins anew.
 *
 * @throws {TsbakError} as `restore`, and what `SnapshotSearch.find` throws.
 */
export async function restoreEarly(
  repository: Repository,
  search: SnapshotSearch,
  target: string,
  { onFound, ...options }: EarlyOptions,
): Promise<RestoreSummary> {
  const { signal, mayWrite } = options;
  // It is awaited when the snapshot is certain.
  mayWrite?.catch(() => undefined);
  const finding = search.find({ signal });
  const guess = await untilAborted(
    Promise.race([search.guess, finding.then(() => undefined)]),
    signal,
  );
  if (guess !== undefined) {
    const changed = new TsbakError("unavailable", "Cannot go on: the repository has changed");
    const confirming = isRight(repository, guess, finding).then(async (right) => {
      if (!right) throw changed;
      onFound?.(guess.found);
      await mayWrite;
    });
    const { ahead } = guess;
    const early = { ...options, mayWrite: confirming, ahead, index: ahead.trees.index };
    try {
      return await restore(repository, guess.found, target, early);
    } catch (error) {
      if (error !== changed) throw error;
    }
  }
  const found = await finding;
  onFound?.(found);
  // If there was a first beginning, its threads have ended.
  const workers = guess === undefined ? options.workers : undefined;
  return restore(repository, found, target, { ...options, workers, ahead: search.ahead });
}

async function isRight(
  repository: Repository,
  { found, ahead }: SnapshotGuess,
  finding: Promise<SnapshotSelection>,
): Promise<boolean> {
  const { id } = await finding;
  return id === found.id && (await repository.loadIndex()) === ahead.trees.index;
}
