import type { CallOptions } from "../../backend/backend.ts";
import type { LockWaiting } from "../../repository/locks.ts";
import type { Repository } from "../../repository/repository.ts";
import { underLocks } from "../../repository/under-locks.ts";

/** How an operation that changes what is there waits for its lock and is interrupted. */
export interface ExclusiveOptions extends CallOptions {
  /** See `LockOptions`. */
  readonly lock?: LockWaiting | undefined;
}

/**
 * Work alone on a repository. The options of `work` have a signal that also aborts when the lock is lost.
 *
 * @throws {TsbakError} `locked` if another process works on the repository, or the lock was lost meanwhile.
 */
export async function withExclusiveLock<T>(
  repository: Repository,
  { signal, lock }: ExclusiveOptions,
  work: (call: CallOptions) => Promise<T>,
): Promise<T> {
  const held = await repository.lock({ exclusive: true, ...lock, signal });
  return underLocks([held], signal, (stop) => work({ signal: stop }));
}
