import { MemoryBackend } from "../backend/memory.ts";
import type { Backend } from "../backend/backend.ts";
import { loadZstd } from "../compress/zstd.ts";
import { generateMasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { Sealer } from "../crypto/sealer.ts";
import { encodeLockFile, type LockFile } from "../format/lock-file.ts";
import { saveUnpacked, type UnpackedContext } from "../repository/unpacked.ts";

/** What locks need of a repository, over this store. */
export async function lockContext(
  backend: Backend = new MemoryBackend(),
): Promise<UnpackedContext> {
  const key = generateMasterKey();
  const zstd = await loadZstd();
  return { backend, sealer: new Sealer(key), opener: new Opener(key), zstd, version: 2 };
}

/** A shared lock of a process on another machine, or what is changed of it. */
export function foreignLock(change: Partial<LockFile> = {}): LockFile {
  return {
    time: "2026-08-01T12:00:00Z",
    exclusive: false,
    hostname: "elsewhere",
    username: "ana",
    pid: 1,
    uid: 0,
    gid: 0,
    extra: {},
    ...change,
  };
}

/** Store such a lock and return its name. */
export function putLock(context: UnpackedContext, change: Partial<LockFile> = {}): Promise<string> {
  return saveUnpacked(context, "lock", encodeLockFile(foreignLock(change)));
}

/** Names of all locks. */
export async function lockNames({ backend }: UnpackedContext): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of backend.list("lock")) names.push(name);
  return names;
}
