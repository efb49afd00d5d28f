import type { CallOptions } from "../../backend/backend.ts";
import type { HeldLock, LockWaiting } from "../../repository/locks.ts";
import type { Repository } from "../../repository/repository.ts";
import { underLocks } from "../../repository/under-locks.ts";

/** How two repositories are locked. */
export interface BothLocksOptions extends CallOptions {
  /** Take no lock of the source: for one that cannot be written to. */
  readonly noSourceLock?: boolean | undefined;
  /** Keep others out of the source altogether. */
  readonly exclusiveSource?: boolean | undefined;
  /** See `LockOptions`. */
  readonly lock?: LockWaiting | undefined;
}

/**
 * Do something while nobody can prune either repository; `signal` aborts when it is no longer wanted or a lock was lost.
 *
 * @throws {TsbakError} `locked` if a lock cannot be had or was lost, or what `work` throws.
 */
export async function withBothLocked<T>(
  source: Repository,
  target: Repository,
  options: BothLocksOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { lock, signal } = options;
  const take = (repository: Repository, exclusive: boolean): Promise<HeldLock> =>
    repository.lock({ exclusive, ...lock, signal });
  const ofSource =
    options.noSourceLock === true
      ? undefined
      : await take(source, options.exclusiveSource === true);
  return underLocks([ofSource], signal, async (stop) => {
    const ofTarget = await take(target, false);
    return underLocks([ofTarget], stop, work);
  });
}
