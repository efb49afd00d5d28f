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
