import { anySignal } from "../../async/any-signal.ts";
import type { CallOptions } from "../../backend/backend.ts";
import type { HeldLock, LockWaiting } from "../../repository/locks.ts";
import type { Repository } from "../../repository/repository.ts";

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
  const held: HeldLock[] = [];
  const take = async (repository: Repository, exclusive: boolean): Promise<void> => {
    const { lock, signal } = options;
    held.push(await repository.lock({ exclusive, ...lock, signal }));
  };
  try {
    if (options.noSourceLock !== true) await take(source, options.exclusiveSource === true);
    await take(target, false);
    return await work(anySignal(options.signal, ...held.map(({ lost }) => lost)));
  } catch (error) {
    const loss = held.find(({ lost }) => lost.aborted)?.lost.reason as unknown;
    throw loss ?? error;
  } finally {
    await Promise.all(held.map((lock) => lock.release()));
  }
}
