import { hostname } from "node:os";
import type { CallOptions } from "../backend/backend.ts";
import type { LockFile } from "../format/lock-file.ts";
import { parseTime } from "../format/time.ts";
import { isAlive } from "../fs/machine.ts";
import { loadLock } from "./lock-files.ts";
import type { UnpackedContext } from "./unpacked.ts";

const STALE_MS = 30 * 60_000;

/** True if restic takes the lock for one that nobody holds any more: old, or of a dead process on a host of our name. */
export function isStaleLock(lock: LockFile, nowMs: number = Date.now()): boolean {
  const writtenMs = parseTime(lock.time).seconds * 1000;
  if (nowMs - writtenMs > STALE_MS) return true;
  return lock.hostname === hostname() && !isAlive(lock.pid);
}

/** Remove stale locks, or all of them, and return how many were removed. Locks that cannot be read count as not stale. */
export async function removeLocks(
  context: UnpackedContext,
  options: CallOptions & { readonly all?: boolean | undefined } = {},
): Promise<number> {
  const { signal } = options;
  let removed = 0;
  for await (const file of context.backend.list("lock", { signal })) {
    if (options.all !== true && !(await isStale(context, file.name, { signal }))) continue;
    await context.backend.remove({ kind: "lock", name: file.name }, { signal });
    removed++;
  }
  return removed;
}

async function isStale(
  context: UnpackedContext,
  name: string,
  options: CallOptions,
): Promise<boolean> {
  const entry = await loadLock(context, name, { ...options, patience: false });
  return entry?.lock !== undefined && isStaleLock(entry.lock);
}
