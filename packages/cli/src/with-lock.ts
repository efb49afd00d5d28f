import {
  confirmLocks,
  isTsbakError,
  TsbakError,
  underLocks,
  type ExclusiveOptions,
  type HeldLock,
  type LockWaiting,
  type Repository,
} from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatSeconds } from "./format-text.ts";

/** How a command locks. */
export interface LockWish {
  readonly exclusive?: boolean;
  /** True for a command that only reads, which `--no-lock` may spare the lock. */
  readonly readOnly?: boolean;
  /** Nothing is going to be written, so that no lock is taken. */
  readonly dryRun?: boolean;
  /** Begin before it is certain that nobody else was faster: the work awaits `settled` before it changes anything. */
  readonly settlesLater?: boolean;
}

/** A lock as the work under it sees it. */
export interface WorkLock {
  /** Resolves when the lock is certain, which it is from the beginning unless it settles later. */
  readonly settled: Promise<void>;
  /** Let go of the lock before the work ends, which from then on does without the repository. */
  release(): void;
}

const NO_LOCK: WorkLock = { settled: Promise.resolve(), release: () => undefined };

/** Do something under a lock of the repository; `signal` also aborts when the lock is lost. */
export async function withLock<T>(
  context: Context,
  repository: Repository,
  wish: LockWish,
  work: (signal: AbortSignal, lock: WorkLock) => Promise<T>,
): Promise<T> {
  const { globals, signal } = context;
  const isSpared = wish.readOnly === true && globals.lock === false;
  if (isSpared || wish.dryRun === true) return work(signal, NO_LOCK);
  const take = (waiting: LockWaiting): Promise<HeldLock> =>
    repository.lock({
      exclusive: wish.exclusive ?? false,
      signal,
      settleLater: wish.settlesLater === true && !globals.retryLock,
      ...waiting,
    });
  const waiting = lockWaiting(context);
  const lock = await (wish.readOnly === true ? orSayNoLock(waiting, take) : take(waiting));
  return underLocks([lock], signal, (stop) => work(stop, endingEarly(lock)));
}

function endingEarly(lock: HeldLock): WorkLock {
  const release = (): void => {
    // What was done counts only if the lock was held until now. A failure is met when the work has ended.
    confirmLocks([lock])
      .then(() => lock.release())
      .catch(() => undefined);
  };
  return { settled: lock.settled, release };
}

/**
 * For what only reads, under a lock that is taken with the settings that `work` gets: whoever may not write one is told of `--no-lock`.
 *
 * @throws {TsbakError} `denied` with that; or what `work` throws.
 */
export async function orSayNoLock<T>(
  waiting: LockWaiting,
  work: (waiting: LockWaiting) => Promise<T>,
): Promise<T> {
  let refusal: unknown;
  try {
    return await work({ ...waiting, onRefused: (error) => (refusal = error) });
  } catch (error) {
    // Other files that are refused are needed without a lock as well.
    if (error !== refusal || !isTsbakError(error, "denied")) throw error;
    const message = `${error.message}; or add --no-lock, as this command only reads`;
    throw new TsbakError("denied", message, { cause: error });
  }
}

/** Tell that another lock is waited for. */
export function reportWait(context: Context, message: string, waitMs: number): void {
  if (context.output.json) return;
  context.output.warn(`${message}; trying again in ${formatSeconds(waitMs / 1000)}`);
}

/** How long to wait for locks of others, and that it is told. */
export function lockWaiting(context: Context): LockWaiting {
  return {
    retryMs: context.globals.retryLock,
    onWait: (error, waitMs) => reportWait(context, error.message, waitMs),
  };
}

/** How an operation of the engine that locks by itself is to wait and be interrupted. */
export function exclusiveOptions(context: Context): ExclusiveOptions {
  return { signal: context.signal, lock: lockWaiting(context) };
}
