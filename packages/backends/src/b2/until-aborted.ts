import { setMaxListeners } from "node:events";

import { throwIfAborted, TsbakError } from "@tsbak/core";

/**
 * Wait for what others wait for too: an aborted signal ends the waiting, not the work.
 *
 * @throws {TsbakError} `interrupted` as soon as `signal` is aborted.
 */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  throwIfAborted(signal);
  if (signal === undefined) return await work;
  // Node 20 would warn of a leak when more than ten calls are under way for one caller.
  setMaxListeners(0, signal);
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(interruption(signal));
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function interruption(signal: AbortSignal): TsbakError {
  return new TsbakError("interrupted", "Interrupted", { cause: signal.reason });
}
