import { throwIfAborted } from "./interrupted.ts";

/**
 * Wait. An aborted signal ends the wait at once.
 *
 * @throws {TsbakError} `interrupted` if the signal is or gets aborted.
 */
export async function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, durationMs);
    signal?.addEventListener("abort", finish);
  });
  throwIfAborted(signal);
}
