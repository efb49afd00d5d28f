import { anySignal } from "../../async/any-signal.ts";
import { sleep } from "../../async/sleep.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import type { HeldLock } from "../../repository/locks.ts";
import type { Repository } from "../../repository/repository.ts";
import type { PruneOptions } from "./prune-options.ts";

const DEFAULT_WAIT_MS = 10 * 60_000;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 5_000;

/** Aborts when the caller wishes or the lock is lost. */
export function signalOf(options: Pick<PruneOptions, "signal">, lock: HeldLock): AbortSignal {
  return anySignal(options.signal, lock.lost);
}

/** Tells of each wait for a lock. */
export function waitTeller(
  options: Pick<PruneOptions, "onEvent">,
): (error: TsbakError, waitMs: number) => void {
  return ({ message }, waitMs) => options.onEvent?.({ kind: "waiting", message, waitMs });
}

/**
 * Take the exclusive lock as soon as nobody else holds any, looking often: where backups follow each other, the gaps are short.
 *
 * @throws {TsbakError} `locked` if that does not come to pass in time.
 */
export async function lockExclusively(
  repository: Repository,
  options: Pick<PruneOptions, "maxWaitMs" | "retryLockMs" | "signal" | "onEvent">,
): Promise<HeldLock> {
  const { retryLockMs = 0, signal } = options;
  const { maxWaitMs = Math.max(DEFAULT_WAIT_MS, retryLockMs) } = options;
  const deadline = Date.now() + maxWaitMs;
  let isTold = false;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LAST_PAUSE_MS)) {
    try {
      // Whoever has locks watched wants that to be waited for, unless a time was given as well.
      const watchMs = options.maxWaitMs === undefined ? undefined : deadline - Date.now();
      return await repository.lock({ exclusive: true, signal, watchMs });
    } catch (error) {
      if (!isTsbakError(error, "locked")) throw error;
      const left = deadline - Date.now();
      if (left <= 0) throw neverFree(error, maxWaitMs);
      const message = reasonOf(error);
      if (!isTold) options.onEvent?.({ kind: "waiting-for-others", message, limitMs: left });
      isTold = true;
      await sleep(Math.min(pause, left), signal);
    }
  }
}

/** Who holds a lock. */
function reasonOf({ message }: TsbakError): string {
  return message.replace(/^Cannot lock repository: /, "").replace(/; .*$/, "");
}

function neverFree(cause: TsbakError, waitedMs: number): TsbakError {
  return new TsbakError(
    "locked",
    `Cannot remove what is not needed: ${reasonOf(cause)}, and it did not end within ${Math.round(waitedMs / 1000)} s; ` +
      `nothing was removed, and the next prune uses what was repacked; run it again when others have ended, ` +
      `or "tsbak unlock" if that process is gone`,
    { cause },
  );
}
