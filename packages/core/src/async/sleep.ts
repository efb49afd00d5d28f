import { setTimeout as wait } from "node:timers/promises";

import { interruptedError, throwIfAborted } from "./interrupted.ts";

/**
 * Wait so many milliseconds. The timer keeps the process alive.
 *
 * @throws {TsbakError} `interrupted` as soon as `signal` is aborted.
 */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  try {
    await wait(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted) throw interruptedError(signal);
    throw error;
  }
}
