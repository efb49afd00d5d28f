import { anySignal } from "../async/any-signal.ts";
import type { HeldLock } from "./held-lock.ts";

/** The locks of one piece of work; some may be taken while it goes on. Absent ones are those that were not wished. */
export type WorkLocks = readonly (HeldLock | undefined)[];

/**
 * Do something under locks that were taken for it, and release them when it has ended. The signal of `work` aborts when `signal` does, or a
 * lock is lost. What was done counts only if all locks were held to the end: after a sleep of the machine the store is asked before that is
 * believed. Every operation that writes ends through here, as each of its writes begins in `ConfirmedWrites`.
 *
 * @throws {TsbakError} `locked` if a lock was lost or had not been free, whatever else went wrong because of it; else what `work` throws.
 */
export async function underLocks<T>(
  locks: WorkLocks,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    const result = await work(anySignal(signal, ...locks.map((lock) => lock?.lost)));
    await confirmLocks(locks);
    return result;
  } catch (error) {
    throw lossOf(locks) ?? error;
  } finally {
    await Promise.all(locks.map(async (lock) => lock?.release()));
  }
}

/**
 * Make sure that locks are held, before something is done that goes past `Repository.backend` or cannot be undone.
 *
 * @throws {TsbakError} `locked` if one of them is not.
 */
export async function confirmLocks(locks: WorkLocks): Promise<void> {
  for (const lock of locks) {
    await lock?.settled;
    await lock?.confirm();
  }
}

function lossOf(locks: WorkLocks): unknown {
  return locks.find((lock) => lock?.lost.aborted === true)?.lost.reason as unknown;
}
