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
