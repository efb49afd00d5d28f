import { hostname, userInfo } from "node:os";
import { SYSTEM_CLOCK, type Clock } from "../async/clock.ts";
import type { CallOptions } from "../backend/backend.ts";
import { isTsbakError } from "../errors.ts";
import { decodeLockFile, encodeLockFile, type LockFile } from "../format/lock-file.ts";
import { formatTime } from "../format/time.ts";
import { localTime } from "../fs/local-time.ts";
import { loadUnpacked, sealUnpacked, type SealedFile, type UnpackedContext } from "./unpacked.ts";

const UNREADABLE_WAITS_MS: readonly number[] = [5_000, 10_000, 20_000];

/** A lock that somebody holds, or one that cannot be decoded (then `lock` is undefined). */
export interface LockEntry {
  readonly name: string;
  readonly lock: LockFile | undefined;
}

/** How locks are listed. */
export interface ListLocksOptions extends CallOptions {
  /** Names of locks that are left out. */
  readonly except?: readonly string[] | undefined;
  /** What the waits go by before an unreadable lock is tried again; the time of this machine unless given. */
  readonly clock?: Clock | undefined;
  /** False to take the first answer about an unreadable lock. */
  readonly patience?: boolean | undefined;
}

/** All locks. Empty files are ignored; an unreadable one is tried again a few times. */
export async function listLocks(
  context: UnpackedContext,
  { except = [], ...options }: ListLocksOptions = {},
): Promise<LockEntry[]> {
  const entries: LockEntry[] = [];
  for await (const file of context.backend.list("lock", { signal: options.signal })) {
    if (except.includes(file.name) || file.size === 0) continue;
    const entry = await loadLock(context, file.name, options);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** A lock by its name. Undefined if it is not there: one that was removed while we looked is no lock. */
export async function loadLock(
  context: UnpackedContext,
  name: string,
  { signal, clock = SYSTEM_CLOCK, patience = true }: ListLocksOptions = {},
): Promise<LockEntry | undefined> {
  for (let attempt = 0; ; attempt++) {
    const entry = await tryLoad(context, name, { signal });
    const waitMs = UNREADABLE_WAITS_MS[attempt];
    if (entry === undefined || entry.lock !== undefined) return entry;
    if (!patience || waitMs === undefined) return entry;
    await clock.sleep(waitMs, signal);
  }
}

async function tryLoad(
  context: UnpackedContext,
  name: string,
  options: CallOptions,
): Promise<LockEntry | undefined> {
  try {
    return { name, lock: decodeLockFile(await loadUnpacked(context, "lock", name, options)) };
  } catch (error) {
    if (isTsbakError(error, "not-found")) return undefined;
    if (!isTsbakError(error, "corrupt")) throw error;
    return { name, lock: undefined };
  }
}

/** The file of a lock of this process, which is not written yet. `time` in milliseconds since 1970. */
export function sealLock(context: UnpackedContext, exclusive: boolean, time: number): SealedFile {
  const user = userInfo();
  const lock: LockFile = {
    time: formatTime(localTime(time)),
    exclusive,
    hostname: hostname(),
    username: user.username,
    pid: process.pid,
    uid: Math.max(user.uid, 0),
    gid: Math.max(user.gid, 0),
    extra: {},
  };
  return sealUnpacked(context, "lock", encodeLockFile(lock));
}
