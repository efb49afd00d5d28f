import { Fields } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { encodeExtra, parseJsonBytes, quoteJson } from "./json.ts";

/** Who works on the repository, and whether others may (format section 10). */
export interface LockFile {
  /** RFC 3339: when the lock was last refreshed. */
  time: string;
  exclusive: boolean;
  hostname: string;
  username: string;
  pid: number;
  uid: number;
  gid: number;
  extra: JsonObject;
}

/** The JSON of a lock, without a newline; uid and gid 0 are left out, as in Go. */
export function encodeLockFile(lock: LockFile): Uint8Array<ArrayBuffer> {
  const what = `"time":${quoteJson(lock.time)},"exclusive":${lock.exclusive}`;
  const who = `"hostname":${quoteJson(lock.hostname)},"username":${quoteJson(lock.username)},"pid":${lock.pid}`;
  const uid = lock.uid === 0 ? "" : `,"uid":${lock.uid}`;
  const gid = lock.gid === 0 ? "" : `,"gid":${lock.gid}`;
  return new TextEncoder().encode(`{${what},${who}${uid}${gid}${encodeExtra(lock.extra)}}`);
}

/** @throws {TsbakError} `corrupt` if it is not JSON, or a field is malformed. */
export function decodeLockFile(bytes: Uint8Array): LockFile {
  const fields = new Fields(parseJsonBytes(bytes, "lock"), "lock");
  return {
    time: fields.requiredTime("time"),
    exclusive: fields.boolean("exclusive"),
    hostname: fields.string("hostname"),
    username: fields.string("username"),
    pid: fields.int("pid"),
    uid: fields.uint32("uid"),
    gid: fields.uint32("gid"),
    extra: fields.rest(),
  };
}
