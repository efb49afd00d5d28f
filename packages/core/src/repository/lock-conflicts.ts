import { TsbakError } from "../errors.ts";
import { listLocks, type ListLocksOptions, type LockEntry } from "./lock-files.ts";
import type { UnpackedContext } from "./unpacked.ts";

/** Which locks stand in the way of one of ours: any in that of an exclusive one, else those that are exclusive or cannot be read. */
export async function findConflicts(
  context: UnpackedContext,
  exclusive: boolean,
  options: ListLocksOptions,
): Promise<LockEntry[]> {
  const entries = await listLocks(context, options);
  return entries.filter(({ lock }) => exclusive || lock === undefined || lock.exclusive);
}

/** What is thrown for a lock that stands in the way: who holds it and since when. */
export function conflictError({ name, lock }: LockEntry): TsbakError {
  if (lock === undefined) {
    return new TsbakError(
      "locked",
      `Cannot lock repository: lock ${name.slice(0, 8)} cannot be read; if no other process works on this repository, run "tsbak unlock --remove-all"`,
    );
  }
  const kind = lock.exclusive ? "exclusively" : "already";
  return new TsbakError(
    "locked",
    `Cannot lock repository: it is locked ${kind} by PID ${lock.pid} on ${lock.hostname} ` +
      `by ${lock.username} since ${lock.time}; wait for it, use --retry-lock, ` +
      `or run "tsbak unlock" if that process is gone`,
  );
}
