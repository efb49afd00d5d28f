import { setMaxListeners } from "node:events";
import { TsbakError } from "../errors.ts";

/** The error of a call whose signal was aborted: code `interrupted`, with the signal's reason as its cause. */
export function interruptedError(signal: AbortSignal): TsbakError {
  return new TsbakError("interrupted", "Interrupted", { cause: signal.reason });
}

/**
 * Stop here if the caller no longer wants the result.
 *
 * @throws {TsbakError} `interrupted` if `signal` is aborted.
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interruptedError(signal);
}

/**
 * Wait for what others wait for too: an aborted signal ends the waiting, not the work.
 *
 * @throws {TsbakError} `interrupted` as soon as `signal` is aborted.
 */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return work;
  // It may fail when nobody waits any more.
  work.catch(() => undefined);
  throwIfAborted(signal);
  // Node 20 would warn of a leak when more than ten calls are under way for one caller.
  setMaxListeners(0, signal);
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(interruptedError(signal));
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
