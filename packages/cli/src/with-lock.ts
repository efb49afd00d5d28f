import { underLocks, type ExclusiveOptions, type LockWaiting, type Repository } from "@tsbak/core";
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

/**
 * Do something under a lock of the repository; `signal` also aborts when the lock is lost. `settled` resolves when the lock is
 * certain, which it is from the beginning unless it settles later.
 */
export async function withLock<T>(
  context: Context,
  repository: Repository,
  wish: LockWish,
  work: (signal: AbortSignal, settled: Promise<void>) => Promise<T>,
): Promise<T> {
  const { globals, signal } = context;
  const isSpared = wish.readOnly === true && globals.lock === false;
  if (isSpared || wish.dryRun === true) return work(signal, Promise.resolve());
  const lock = await repository.lock({
    exclusive: wish.exclusive ?? false,
    signal,
    settleLater: wish.settlesLater === true && !globals.retryLock,
    ...lockWaiting(context),
  });
  return underLocks([lock], signal, (stop) => work(stop, lock.settled));
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
