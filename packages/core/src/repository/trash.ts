/**
 * The trash: snapshots that were forgotten lie in `tsbak/trash/` of the repository for a while, and can be brought back as they were.
 * restic never looks there, so that its prune takes their blobs; ours spares them (`graceSnapshots`).
 *
 * A snapshot is first written to the trash and then removed, and comes back in the same way. So at any instant it is in one of
 * both places or in both; if it is in both, it is a snapshot, and what the trash has of it does not count.
 *
 * Each file of the trash says until when it is kept. Past that, prune removes it (`emptyTrash`) after it has removed the blobs.
 *
 * @module
 */
import { mapConcurrent } from "../async/map-concurrent.ts";
import type { CallOptions } from "../backend/backend.ts";
import { removeFiles } from "../backend/remove-files.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import { decodeSnapshot } from "../format/snapshot.ts";
import { formatTime, parseTime } from "../format/time.ts";
import { decodeTrashFile, encodeTrashFile, type TrashFile } from "../format/trash-file.ts";
import { localNow } from "../fs/local-time.ts";
import { localOffsetSeconds } from "../fs/zone.ts";
import type { Repository } from "./repository.ts";
import type { SnapshotEntry } from "./snapshots.ts";
import { openUnpacked, readVerified } from "./unpacked.ts";

/** A snapshot in the trash. */
export interface TrashEntry extends SnapshotEntry {
  /** Names of all files of the trash that hold it: it can have been forgotten more than once. */
  readonly names: readonly string[];
  /** RFC 3339: when it was forgotten. */
  readonly forgotten: string;
  /** Milliseconds since 1970: when its grace ends. */
  readonly untilMs: number;
  /** The sealed bytes of its file. */
  readonly file: Uint8Array;
}

/** What asks for the trash. */
export interface TrashOptions extends CallOptions {
  /** Told of a file that cannot be read, which is left out; without it that is an error. */
  readonly onDamaged?: ((name: string, error: TsbakError) => void) | undefined;
}

/**
 * Put a copy of a snapshot into the trash, for so many milliseconds from now on. The snapshot itself stays: the caller removes it when
 * this has resolved.
 *
 * @throws {TsbakError} `unsupported` if the store takes no such file, `not-found` or `corrupt` if the snapshot cannot be read.
 */
export async function copyToTrash(
  repository: Repository,
  id: string,
  graceMs: number,
  options?: CallOptions,
): Promise<void> {
  const file = await readVerified(repository, "snapshot", id, options);
  const now = localNow();
  const end = now.seconds + Math.ceil(graceMs / 1000);
  const until = { seconds: end, nanoseconds: 0, offsetSeconds: localOffsetSeconds(end) };
  const times = { forgotten: formatTime(now), until: formatTime(until) };
  const plain = encodeTrashFile({ ...times, snapshot: id, file, extra: {} });
  await repository.saveFile("trash", plain, options);
}

/**
 * `copyToTrash`, if the store takes such files and the snapshot is still there: one that is gone already needs no copy. False if the store has no
 * trash, so that what is removed is gone.
 *
 * @throws {TsbakError} What keeps the copy from being made; the snapshot must stay then. A safety net that goes away by itself is none.
 */
export async function copyToTrashIfAny(
  repository: Repository,
  id: string,
  graceMs: number,
  options?: CallOptions,
): Promise<boolean> {
  try {
    await copyToTrash(repository, id, graceMs, options);
    return true;
  } catch (error) {
    if (isTsbakError(error, "not-found")) return true;
    if (isTsbakError(error, "unsupported")) return false;
    throw error;
  }
}

/**
 * The files of all snapshots that the trash holds, by the ids of the snapshots; also of those that are there, as after a forget that was killed. For
 * whoever looks for what is damaged or lost.
 */
export async function snapshotFilesInTrash(
  repository: Repository,
  options?: CallOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await loadTrash(repository, { ...options, onDamaged: () => undefined });
  return new Map(entries.map(({ id, file }) => [id, file]));
}

/**
 * All snapshots in the trash, those forgotten last at the end. What is a snapshot (again) is not among them.
 *
 * @throws {TsbakError} `corrupt` if a file cannot be read, unless `onDamaged` is given.
 */
export async function listTrash(
  repository: Repository,
  options: TrashOptions = {},
): Promise<TrashEntry[]> {
  const entries = await loadTrash(repository, options);
  if (entries.length === 0) return [];
  const present = new Set(await repository.listNames("snapshot", options));
  return entries.filter(({ id }) => !present.has(id));
}

/**
 * All snapshots in the trash whose grace has not ended: prune spares what they need. Some of it may be missing already, if restic pruned
 * meanwhile; that is no damage, only that these snapshots cannot come back.
 *
 * @throws {TsbakError} `corrupt` if a file of the trash cannot be read, unless `onDamaged` is given.
 */
export async function graceSnapshots(
  repository: Repository,
  options: TrashOptions & { readonly nowMs?: number | undefined } = {},
): Promise<TrashEntry[]> {
  const nowMs = options.nowMs ?? Date.now();
  const entries = await loadTrash(repository, options);
  return entries.filter(({ untilMs }) => untilMs > nowMs);
}

/**
 * Remove the files of the trash whose grace has ended, and those of snapshots that are back. Files that cannot be read stay. Gives how many
 * snapshots went for good. To be called under a lock, after the blobs are gone: removed earlier, a prune that is killed would leave
 * blobs without any hint at them, which is harmless too.
 */
export async function emptyTrash(
  repository: Repository,
  options: CallOptions & { readonly nowMs?: number | undefined } = {},
): Promise<number> {
  const nowMs = options.nowMs ?? Date.now();
  const names = await repository.listNames("trash", options);
  if (names.length === 0) return 0;
  const kept = new Set<string>();
  const onDamaged = (name: string): void => void kept.add(name);
  const entries = await listTrash(repository, { ...options, onDamaged });
  for (const entry of entries.filter(({ untilMs }) => untilMs > nowMs)) {
    for (const name of entry.names) kept.add(name);
  }
  const removed = names.filter((name) => !kept.has(name));
  await removeFromTrash(repository, removed, options);
  return entries.filter(({ untilMs }) => untilMs <= nowMs).length;
}

/** Remove files of the trash, in no particular order. Those that are gone already are no error. */
export async function removeFromTrash(
  repository: Repository,
  names: readonly string[],
  options?: CallOptions,
): Promise<void> {
  const refs = names.map((name) => ({ kind: "trash", name }) as const);
  const [failure] = await removeFiles(repository.backend, refs, { signal: options?.signal });
  if (failure !== undefined) throw failure.error;
}

async function loadTrash(repository: Repository, options: TrashOptions): Promise<TrashEntry[]> {
  const names = await repository.listNames("trash", options);
  const entries = new Map<string, TrashEntry>();
  const concurrency = repository.backend.connections;
  const load = (name: string): Promise<TrashEntry | undefined> =>
    loadEntry(repository, name, options);
  for await (const entry of mapConcurrent(names, load, { concurrency })) {
    if (entry === undefined) continue;
    const other = entries.get(entry.id);
    entries.set(entry.id, other === undefined ? entry : merged(entry, other));
  }
  return [...entries.values()].sort((a, b) => forgottenMs(a) - forgottenMs(b));
}

async function loadEntry(
  repository: Repository,
  name: string,
  options: TrashOptions,
): Promise<TrashEntry | undefined> {
  try {
    return entryOf(
      repository,
      name,
      decodeTrashFile(await repository.loadFile("trash", name, options)),
    );
  } catch (error) {
    // Removed since it was listed: by a prune elsewhere.
    if (isTsbakError(error, "not-found")) return undefined;
    if (!isTsbakError(error, "corrupt") || options.onDamaged === undefined) throw error;
    options.onDamaged(name, error);
    return undefined;
  }
}

function entryOf(repository: Repository, name: string, trash: TrashFile): TrashEntry {
  if (sha256Hex(trash.file) !== trash.snapshot) {
    throw new TsbakError(
      "corrupt",
      `Cannot load trash ${name.slice(0, 8)}: what it holds is not the snapshot that it names`,
    );
  }
  return {
    id: trash.snapshot,
    snapshot: decodeSnapshot(openUnpacked(repository, trash.file)),
    names: [name],
    forgotten: trash.forgotten,
    untilMs: parseTime(trash.until).seconds * 1000,
    file: trash.file,
  };
}

/** What was said last counts, and the longer grace. */
function merged(a: TrashEntry, b: TrashEntry): TrashEntry {
  const [earlier, later] = forgottenMs(a) < forgottenMs(b) ? [a, b] : [b, a];
  const names = [...earlier.names, ...later.names];
  return { ...later, names, untilMs: Math.max(a.untilMs, b.untilMs) };
}

function forgottenMs({ forgotten }: TrashEntry): number {
  const { seconds, nanoseconds } = parseTime(forgotten);
  return seconds * 1000 + nanoseconds / 1e6;
}
