import { sleep } from "../../async/sleep.ts";

/** What is watched, and what is done then. */
export interface WatchOptions {
  /** The names of all snapshots. */
  readonly list: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Called at the start, and whenever there is a snapshot that was not there before the last call that succeeded. */
  readonly work: (signal: AbortSignal) => Promise<void>;
  /** Between two looks, in milliseconds. After failures it grows to an hour, unless it is longer anyway. */
  readonly intervalMs: number;
  /** Ends the watch, which then resolves. */
  readonly signal: AbortSignal;
  /** Told of everything that fails, and in how many milliseconds it is tried again. */
  readonly onFailure: (error: unknown, retryMs: number) => void;
}

const LONGEST_WAIT_MS = 3_600_000;

/** Do something for every new snapshot until the signal says that it is enough. Nothing that fails ends it. */
export async function watchSnapshots(options: WatchOptions): Promise<void> {
  const { intervalMs, signal } = options;
  let done: ReadonlySet<string> | undefined;
  let failures = 0;
  while (!signal.aborted) {
    let waitMs = intervalMs;
    try {
      const names = await options.list(signal);
      if (done === undefined || names.some((name) => done?.has(name) !== true)) {
        await options.work(signal);
        done = new Set(names);
      }
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      waitMs = Math.min(intervalMs * 2 ** failures++, Math.max(intervalMs, LONGEST_WAIT_MS));
      options.onFailure(error, waitMs);
    }
    await sleep(waitMs, signal).catch(() => undefined);
  }
}
