/**
 * Locks as restic keeps them (restic format, section 10), so that both tools respect each other:
 *
 * 1. Check the other locks, write ours, wait, check again; whoever then sees a conflict removes its own lock.
 * 2. A lock is kept fresh by writing a new file and then removing the old one, never by changing a file.
 * 3. Age never makes a lock absent when acquiring; only `unlock` removes stale locks.
 * 4. When a lock could not be refreshed in time, somebody may have removed it: the operation must stop.
 *
 * @module
 */
import { hostname, userInfo } from "node:os";
import type { CallOptions } from "../backend/backend.ts";
import { sleep } from "../async/sleep.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import { decodeLockFile, encodeLockFile, type LockFile } from "../format/lock-file.ts";
import { formatTime, parseTime } from "../format/time.ts";
import { localNow } from "../fs/local-time.ts";
import { loadUnpacked, saveUnpacked, type UnpackedContext } from "./unpacked.ts";

/** How long somebody who writes a lock waits before looking again, in milliseconds. */
const SETTLE_MS = 200;
const REFRESH_MS = 5 * 60_000;
const STALE_MS = 30 * 60_000;
/** Without a successful refresh for this long, the lock may be taken for stale soon. */
const REFRESH_LIMIT_MS = STALE_MS - 1.5 * REFRESH_MS;
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 60_000;
const UNREADABLE_WAITS_MS: readonly number[] = [5_000, 10_000, 20_000];

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
}

/** A lock that is held. */
export interface HeldLock {
  /** Aborts when the lock was lost: the operation under it must stop. */
  readonly lost: AbortSignal;
  /** Resolves when the lock is certain; rejects with `locked` if somebody else was faster. */
  readonly settled: Promise<void>;
  /** Remove the lock. May be called more than once. */
  release(): Promise<void>;
}

/** Another process's lock, or an undecodable one (then `lock` is undefined). */
export interface LockEntry {
  readonly name: string;
  readonly lock: LockFile | undefined;
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
  const deadline = Date.now() + (options.retryMs ?? 0);
  let waitMs = FIRST_RETRY_MS;
  for (;;) {
    try {
      return await tryAcquire(context, options);
    } catch (error) {
      const left = deadline - Date.now();
      if (!isTsbakError(error, "locked") || left <= 0) throw error;
      const pause = Math.min(waitMs, left);
      options.onWait?.(error, pause);
      await sleep(pause, options.signal);
      waitMs = Math.min(waitMs * 2, LAST_RETRY_MS);
    }
  }
}

async function tryAcquire(context: UnpackedContext, options: LockOptions): Promise<HeldLock> {
  await refuseConflicts(context, options, undefined);
  const name = await writeLock(context, options.exclusive);
  const settled = settle(context, options, name);
  // Whoever settles later learns of a failure from `settled`.
  if (options.settleLater === true) settled.catch(() => undefined);
  else await settled;
  return new RefreshedLock(context, options.exclusive, name, settled);
}

async function settle(context: UnpackedContext, options: LockOptions, name: string): Promise<void> {
  try {
    await sleep(SETTLE_MS, options.signal);
    await refuseConflicts(context, options, name);
  } catch (error) {
    await context.backend.remove({ kind: "lock", name });
    throw error;
  }
}

async function refuseConflicts(
  context: UnpackedContext,
  options: LockOptions,
  own: string | undefined,
): Promise<void> {
  for (const { name, lock } of await listLocks(context, options, own)) {
    if (lock === undefined) {
      throw new TsbakError(
        "locked",
        `Cannot lock repository: lock ${name.slice(0, 8)} cannot be read; if no other process works on this repository, run "tsbak unlock --remove-all"`,
      );
    }
    if (options.exclusive || lock.exclusive) throw conflict(lock);
  }
}

function conflict(lock: LockFile): TsbakError {
  const kind = lock.exclusive ? "exclusively" : "already";
  return new TsbakError(
    "locked",
    `Cannot lock repository: it is locked ${kind} by PID ${lock.pid} on ${lock.hostname} ` +
      `by ${lock.username} since ${lock.time}; wait for it, use --retry-lock, ` +
      `or run "tsbak unlock" if that process is gone`,
  );
}

/** All locks but `own`. Empty files are ignored; an unreadable one is tried again a few times. */
export async function listLocks(
  context: UnpackedContext,
  options?: CallOptions,
  own?: string,
): Promise<LockEntry[]> {
  const entries: LockEntry[] = [];
  for await (const file of context.backend.list("lock", options)) {
    if (file.name === own || file.size === 0) continue;
    const entry = await loadLock(context, file.name, options);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** A lock that was removed while we looked is no lock. */
async function loadLock(
  context: UnpackedContext,
  name: string,
  options?: CallOptions,
): Promise<LockEntry | undefined> {
  for (let attempt = 0; ; attempt++) {
    try {
      return { name, lock: decodeLockFile(await loadUnpacked(context, "lock", name, options)) };
    } catch (error) {
      if (isTsbakError(error, "not-found")) return undefined;
      if (!isTsbakError(error, "corrupt")) throw error;
      const waitMs = UNREADABLE_WAITS_MS[attempt];
      if (waitMs === undefined) return { name, lock: undefined };
      await sleep(waitMs, options?.signal);
    }
  }
}

async function writeLock(context: UnpackedContext, exclusive: boolean): Promise<string> {
  const user = userInfo();
  const lock: LockFile = {
    time: formatTime(localNow()),
    exclusive,
    hostname: hostname(),
    username: user.username,
    pid: process.pid,
    uid: Math.max(user.uid, 0),
    gid: Math.max(user.gid, 0),
    extra: {},
  };
  return saveUnpacked(context, "lock", encodeLockFile(lock));
}

class RefreshedLock implements HeldLock {
  readonly #context: UnpackedContext;
  readonly #exclusive: boolean;
  readonly #lost = new AbortController();
  readonly settled: Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #name: string;
  #refreshedAt = Date.now();
  #refreshing: Promise<void> = Promise.resolve();
  #released = false;

  constructor(context: UnpackedContext, exclusive: boolean, name: string, settled: Promise<void>) {
    this.settled = settled;
    this.#context = context;
    this.#exclusive = exclusive;
    this.#name = name;
    // Twelve looks a minute at the wall clock: after a suspend the age is noticed within seconds.
    this.#timer = setInterval(() => this.#tick(), 5_000);
    this.#timer.unref();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    clearInterval(this.#timer);
    await Promise.allSettled([this.settled, this.#refreshing]);
    await this.#context.backend.remove({ kind: "lock", name: this.#name });
  }

  #tick(): void {
    const age = Date.now() - this.#refreshedAt;
    if (age >= REFRESH_LIMIT_MS) this.#giveUp();
    else if (age >= REFRESH_MS) this.#startRefresh();
  }

  #startRefresh(): void {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    this.#refreshing = this.#refresh()
      // A failure is tried again at the next tick, until the limit.
      .catch(() => undefined)
      .finally(() => {
        this.#isRefreshing = false;
      });
  }

  #isRefreshing = false;

  async #refresh(): Promise<void> {
    const startedAt = Date.now();
    const old = this.#name;
    this.#name = await writeLock(this.#context, this.#exclusive);
    this.#refreshedAt = startedAt;
    await this.#context.backend.remove({ kind: "lock", name: old });
  }

  #giveUp(): void {
    clearInterval(this.#timer);
    this.#lost.abort(
      new TsbakError(
        "locked",
        "Cannot go on: the lock could not be refreshed in time and others may take it for stale; run the command again",
      ),
    );
  }
}

/** True if nobody can be holding this lock any more: old, or of a dead process on this very host. */
export function isStaleLock(lock: LockFile, nowMs: number = Date.now()): boolean {
  const writtenMs = parseTime(lock.time).seconds * 1000;
  if (nowMs - writtenMs > STALE_MS) return true;
  return lock.hostname === hostname() && !isAlive(lock.pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Remove stale locks, or all of them, and return how many were removed. */
export async function removeLocks(
  context: UnpackedContext,
  options: CallOptions & { readonly all?: boolean | undefined } = {},
): Promise<number> {
  let removed = 0;
  for await (const file of context.backend.list("lock", options)) {
    const entry = options.all === true ? undefined : await loadLock(context, file.name, options);
    const isStale = entry?.lock !== undefined && isStaleLock(entry.lock);
    if (options.all !== true && !isStale) continue;
    await context.backend.remove({ kind: "lock", name: file.name }, options);
    removed++;
  }
  return removed;
}
