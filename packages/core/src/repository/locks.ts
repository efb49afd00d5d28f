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
import { hostname } from "node:os";
import { SYSTEM_CLOCK, type Clock } from "../async/clock.ts";
import type { CallOptions } from "../backend/backend.ts";
import type { TsbakError } from "../errors.ts";
import { momentOf, RefreshedLock, SETTLE_MS, type HeldLock } from "./held-lock.ts";
import { conflictError, findConflicts } from "./lock-conflicts.ts";
import { THIS_MACHINE, type Machine } from "../fs/machine.ts";
import type { StateFolder } from "../fs/state-folder.ts";
import { loadLock, type LockEntry } from "./lock-files.ts";
import { LockSightings } from "./lock-sightings.ts";
import { LockWatch, type LockNotice } from "./lock-watch.ts";
import { OwnLockFile, type LockKeeping } from "./own-lock-file.ts";
import { OwnLockRecords } from "./own-lock-records.ts";
import type { UnpackedContext } from "./unpacked.ts";

export type { HeldLock } from "./held-lock.ts";
export type { LockNotice } from "./lock-watch.ts";

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
  /** A lock of ours that does not count: to exchange an exclusive lock for a shared one with nobody in between. */
  readonly besides?: Pick<HeldLock, "names"> | undefined;
  /** Where locks are watched (`autoUnlock`): for no longer than that. */
  readonly watchMs?: number | undefined;
  /** Called before each wait for a conflicting lock. */
  readonly onWait?: ((error: TsbakError, waitMs: number) => void) | undefined;
  /** Called with why the lock could not be written, before that is thrown. */
  readonly onRefused?: ((error: unknown) => void) | undefined;
}

/** How an operation that locks by itself waits for others. */
export type LockWaiting = Pick<LockOptions, "retryMs" | "onWait" | "onRefused">;

/** What holds for all locks of an opened repository. */
export interface LockSettings {
  /**
   * Watch locks that are in the way for up to 30 minutes, before an exclusive lock 40, and remove those that nobody refreshes. The
   * retries of `retryMs` go on beside.
   */
  readonly autoUnlock?: boolean | undefined;
  /** Where it is remembered which locks are ours and which were seen when. */
  readonly state?: StateFolder | undefined;
  readonly onNotice?: ((notice: LockNotice) => void) | undefined;
  /** The time of this machine unless given. */
  readonly clock?: Clock | undefined;
  /** This machine unless given. */
  readonly machine?: Machine | undefined;
}

/**
 * Take a shared or exclusive lock and keep it fresh until it is released. Locks that processes of this machine left when they ended are
 * removed before.
 *
 * @throws {TsbakError} `locked` if another lock excludes it, with who holds that and since when.
 */
export async function acquireLock(
  context: UnpackedContext,
  options: LockOptions & LockSettings,
): Promise<HeldLock> {
  const clock = options.clock ?? SYSTEM_CLOCK;
  const machine = options.machine ?? THIS_MACHINE;
  const records = new OwnLockRecords(options.state, machine);
  await removeLeftLocks(context, records, options);
  const sightings = new LockSightings(options.state, machine, clock);
  const watch = new LockWatch({ ...options, context, clock, sightings }, options.exclusive);
  const startMs = clock.steady();
  const deadline = startMs + (options.retryMs ?? 0);
  const watchedUntil = startMs + (options.watchMs ?? Infinity);
  let waitMs = FIRST_RETRY_MS;
  for (;;) {
    const note = records.open(context.backend.location);
    const keeping: LockKeeping = { context, exclusive: options.exclusive, clock, note };
    const attempt = await tryAcquire(keeping, options);
    if ("lock" in attempt) return attempt.lock;
    const { conflicts } = attempt;
    let watchMs: number | undefined;
    if (options.autoUnlock === true) watchMs = await watch.look(conflicts, options.signal);
    // A later run may want to know since when they are there.
    else sightings.note(conflicts.map(({ name }) => name));
    if (watchMs === 0) continue;
    const now = clock.steady();
    if (watchMs !== undefined)
      watchMs = now < watchedUntil ? Math.min(watchMs, watchedUntil - now) : undefined;
    const retryMs = deadline - now;
    if (retryMs <= 0 && watchMs === undefined) throw conflictError(conflicts[0]);
    const pause = Math.min(waitMs, Math.max(retryMs, watchMs ?? 0));
    if (watchMs === undefined) options.onWait?.(conflictError(conflicts[0]), pause);
    await clock.sleep(pause, options.signal);
    waitMs = Math.min(waitMs * 2, LAST_RETRY_MS);
  }
}

async function removeLeftLocks(
  context: UnpackedContext,
  records: OwnLockRecords,
  { signal, onNotice }: CallOptions & LockSettings,
): Promise<void> {
  for (const left of records.left()) {
    // Elsewhere it may be known by another location, so it is looked for in any case.
    let isHere = left.place === undefined || left.place === context.backend.location;
    for (const name of left.names) {
      const entry = await loadLock(context, name, { signal, patience: false });
      // Of a machine that was copied while it ran, the other one may go by another name.
      if (entry?.lock?.pid !== left.process.pid || entry.lock.hostname !== hostname()) continue;
      await context.backend.remove({ kind: "lock", name }, { signal });
      isHere = true;
      onNotice?.({ kind: "left-behind", entry });
    }
    if (isHere) left.forget();
  }
}

type Attempt = { readonly lock: HeldLock } | { readonly conflicts: Conflicts };

async function tryAcquire(
  keeping: LockKeeping,
  { signal, settleLater, besides, onRefused }: LockOptions,
): Promise<Attempt> {
  const { context, exclusive, clock } = keeping;
  const except = besides?.names;
  const conflicts = await findConflicts(context, exclusive, { signal, clock, except });
  if (isSome(conflicts)) return { conflicts };
  const file = new OwnLockFile(keeping);
  const at = momentOf(clock);
  const writing = file.write({ signal }).catch((error: unknown) => {
    onRefused?.(error);
    throw error;
  });
  if (settleLater === true) {
    const early = await lookWhile(writing, keeping, file, { signal, besides });
    if (isSome(early)) return { conflicts: early };
  }
  const name = await writing;
  const settling = settle(keeping, file, { signal, besides });
  if (settleLater !== true) {
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

/**
 * While a lock is written for somebody who begins to read before it is certain, look at the others; if one is in the way, ours is removed
 * and theirs are given.
 *
 * What is read then may be used only if nobody changes it meanwhile. An exclusive lock that comes after this look finds ours when it
 * settles, if that is written within the time that it takes to settle; if not, we look once more. The first look, before anything was
 * written, may be of a while ago (`EarlyReads`): an exclusive lock can have come and settled since then, and be gone when ours settles.
 */
async function lookWhile(
  writing: Promise<unknown>,
  keeping: LockKeeping,
  file: OwnLockFile,
  options: LookOptions,
): Promise<readonly LockEntry[]> {
  const { clock } = keeping;
  const lookedAt = clock.steady();
  const [written, looked] = await Promise.allSettled([
    writing.then(() => clock.steady() - lookedAt < SETTLE_MS),
    lookAtOthers(keeping, file, options),
  ]);
  // Then there is no lock of ours.
  if (written.status === "rejected") throw written.reason;
  return withdrawing(file, async () => {
    if (looked.status === "rejected") throw looked.reason;
    if (written.value || isSome(looked.value)) return looked.value;
    return lookAtOthers(keeping, file, options);
  });
}

/** Look again when the lock has been there for a while. If somebody else was faster, it is removed, and their locks are given. */
function settle(
  keeping: LockKeeping,
  file: OwnLockFile,
  options: LookOptions,
): Promise<readonly LockEntry[]> {
  return withdrawing(file, async () => {
    await keeping.clock.sleep(SETTLE_MS, options.signal);
    return lookAtOthers(keeping, file, options);
  });
}

type LookOptions = Pick<LockOptions, "signal" | "besides">;

/** What is in the way of a lock of ours, which is there or about to be. */
function lookAtOthers(
  { context, exclusive, clock }: LockKeeping,
  file: OwnLockFile,
  { signal, besides }: LookOptions,
): Promise<LockEntry[]> {
  const except = [...file.names, ...(besides?.names ?? [])];
  return findConflicts(context, exclusive, { signal, clock, except });
}

/** Remove a lock of ours if something is found in its way, or if that cannot be found out. */
async function withdrawing(
  file: OwnLockFile,
  look: () => Promise<readonly LockEntry[]>,
): Promise<readonly LockEntry[]> {
  try {
    const conflicts = await look();
    if (isSome(conflicts)) await file.removeBut(undefined);
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
