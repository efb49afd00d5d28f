import type { CallOptions, FileKind } from "../../backend/backend.ts";
import { mapConcurrent } from "../../async/map-concurrent.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import { decodeKeyFile } from "../../format/key-file.ts";
import { decodeLockFile } from "../../format/lock-file.ts";
import type { Repository } from "../../repository/repository.ts";
import { loadSnapshot, type SnapshotEntry } from "../../repository/snapshots.ts";
import type { Findings } from "./findings.ts";

/** Every snapshot of those named that can be read; the others are noted as damaged. */
export async function checkSnapshots(
  repository: Repository,
  names: readonly string[],
  findings: Findings,
  options: CallOptions,
): Promise<SnapshotEntry[]> {
  const snapshots: SnapshotEntry[] = [];
  await checkEach(repository, { kind: "snapshot", names }, findings, options, async (name) => {
    snapshots.push(await loadSnapshot(repository, name, options));
  });
  return snapshots;
}

/** Every key file has the hash that names it and can be decoded, with whatever password it opens. */
export async function checkKeys(
  repository: Repository,
  findings: Findings,
  options: CallOptions,
): Promise<void> {
  const names = await repository.listNames("key", options);
  await checkEach(repository, { kind: "key", names }, findings, options, async (name) => {
    const bytes = await repository.backend.read({ kind: "key", name }, undefined, options);
    if (sha256Hex(bytes) !== name) return "its bytes do not have the hash that names it";
    decodeKeyFile(bytes);
    return undefined;
  });
}

/** Every lock can be decoded. An empty one was never written in full and counts as none, as for restic. */
export async function checkLocks(
  repository: Repository,
  findings: Findings,
  options: CallOptions,
): Promise<void> {
  const names: string[] = [];
  for await (const { name, size } of repository.backend.list("lock", options)) {
    if (size > 0) names.push(name);
  }
  await checkEach(repository, { kind: "lock", names }, findings, options, async (name) => {
    decodeLockFile(await repository.loadFile("lock", name, options));
  });
}

/** Files of one kind. */
interface FilesToCheck {
  readonly kind: FileKind & ("snapshot" | "key" | "lock");
  readonly names: readonly string[];
}

/** `check` returns or throws what is wrong with a file. */
async function checkEach(
  repository: Repository,
  { kind, names }: FilesToCheck,
  findings: Findings,
  options: CallOptions,
  check: (name: string) => Promise<string | void>,
): Promise<void> {
  const checkOne = async (name: string): Promise<{ name: string; reason: string | void }> => {
    try {
      return { name, reason: await check(name) };
    } catch (error) {
      return { name, reason: damageOf(error)?.message };
    }
  };
  const concurrency = repository.backend.connections;
  const results = mapConcurrent(names, checkOne, { ...options, concurrency });
  for await (const { name, reason } of results) {
    if (reason === undefined) continue;
    const message = `The ${kind} file ${name} is damaged: ${reason}`;
    findings.error({ kind: `${kind}-damaged`, file: { kind, name }, message });
  }
}

/** Undefined for a file that was removed since it was listed. */
function damageOf(error: unknown): TsbakError | undefined {
  if (!isTsbakError(error) || error.code === "interrupted") throw error;
  return error.code === "not-found" ? undefined : error;
}
