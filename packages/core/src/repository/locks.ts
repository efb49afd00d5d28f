/**
 * Locks as restic keeps them (restic format, section 10), so that both tools respect each other:
 *
 * 1. Check the other locks, write ours, wait, check again; whoever then sees a conflict removes its own lock.
 * 2. A lock is kept fresh by writing a new file and then removing the old one, never by changing a file.
 * 3. The time in a lock never makes it absent when acquiring; only `unlock` goes by it.
 * 4. When a lock could not be refreshed in time, somebody may have removed it: nothing more is written until it is certain
 *    that nobody did.
 *
 * @module
 */
import { SYSTEM_CLOCK, type Clock } from "../async/clock.ts";
import type { CallOptions } from "../backend/backend.ts";
import type { TsbakError } from "../errors.ts";
import { momentOf, RefreshedLock, SETTLE_MS, type HeldLock } from "./held-lock.ts";
import { conflictError, findConflicts } from "./lock-conflicts.ts";
import type { LockEntry } from "./lock-files.ts";
import { OwnLockFile, type LockKeeping } from "./own-lock-file.ts";
import type { UnpackedContext } from "./unpacked.ts";

export type { HeldLock } from "./held-lock.ts";

const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 60_000;

/** How to acquire a lock. */
export interface LockOptions extends CallOptions {
  readonly exclusive: boolean;
  /** Keep trying for this long while others hold conflicting locks; 0 or absent: fail at once. */
  readonly retryMs?: number | undefined;
  /**
   * Return as soon as the lock is written and looks free, before the second look at the other locks. The caller may read
   * from then on and must await `settled` before it writes anything. Only without `retryMs`.
   */
  readonly settleLater?: boolean | undefined;
  /** Called before each wait for a conflicting lock. */
  readonly onWait?: ((error: TsbakError, waitMs: number) => void) | undefined;
  /** The time of this machine unless given. */
  readonly clock?: Clock | undefined;
}

/**
 * Take a shared or exclusive lock and keep it fresh until it is released.
 *
 * @throws {TsbakError} `locked` if another lock excludes it, with who holds that and since when.
 */
export async function acquireLock(
  context: UnpackedContext,
  options: LockOptions,
): Promise<HeldLock> {
  const clock = options.clock ?? SYSTEM_CLOCK;
  const deadline = clock.steady() + (options.retryMs ?? 0);
  let waitMs = FIRST_RETRY_MS;
  for (;;) {
    const attempt = await tryAcquire(context, options, clock);
    if ("lock" in attempt) return attempt.lock;
    const error = conflictError(attempt.conflicts[0]);
    const left = deadline - clock.steady();
    if (left <= 0) throw error;
    const pause = Math.min(waitMs, left);
    options.onWait?.(error, pause);
    await clock.sleep(pause, options.signal);
    waitMs = Math.min(waitMs * 2, LAST_RETRY_MS);
  }
}

type Attempt = { readonly lock: HeldLock } | { readonly conflicts: Conflicts };

async function tryAcquire(
  context: UnpackedContext,
  options: LockOptions,
  clock: Clock,
): Promise<Attempt> {
  const { exclusive, signal } = options;
  const conflicts = await findConflicts(context, exclusive, { signal, clock });
  if (isSome(conflicts)) return { conflicts };
  const keeping: LockKeeping = { context, exclusive, clock };
  const file = new OwnLockFile(keeping);
  const at = momentOf(clock);
  const name = await file.write({ signal });
  const settling = settle(keeping, file, signal);
  if (options.settleLater !== true) {
    const late = await settling;
    if (isSome(late)) return { conflicts: late };
  }
  const settled = settling.then((late) => {
    if (isSome(late)) throw conflictError(late[0]);
  });
  // Whoever settles later learns of a failure from `settled`.
  settled.catch(() => undefined);
  return { lock: new RefreshedLock(keeping, file, { name, at, settled }) };
}

/** Look again when the lock has been there for a while. If somebody else was faster, it is removed, and their locks are given. */
async function settle(
  { context, exclusive, clock }: LockKeeping,
  file: OwnLockFile,
  signal: AbortSignal | undefined,
): Promise<readonly LockEntry[]> {
  try {
    await clock.sleep(SETTLE_MS, signal);
    const conflicts = await findConflicts(context, exclusive, {
      signal,
      clock,
      except: file.names,
    });
    if (conflicts.length > 0) await file.removeBut(undefined);
    return conflicts;
  } catch (error) {
    await file.removeBut(undefined);
    throw error;
  }
}

/** At least one. */
type Conflicts = readonly [LockEntry, ...LockEntry[]];

function isSome(conflicts: readonly LockEntry[]): conflicts is Conflicts {
  return conflicts.length > 0;
}
