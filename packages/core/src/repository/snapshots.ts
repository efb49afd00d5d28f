import type { CallOptions, FileInfo } from "../backend/backend.ts";
import { mapConcurrent } from "../async/map-concurrent.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import { compareTimes, parseTime } from "../format/time.ts";
import type { Repository } from "./repository.ts";

/** A snapshot and the name of its file, which is its id. */
export interface SnapshotEntry {
  readonly id: string;
  readonly snapshot: Snapshot;
  /** When its file was written, in milliseconds since 1970. Only of `listSnapshots`, and only if the store tells it. */
  readonly modifiedMs?: number | undefined;
}

/** Which snapshots are meant. An absent or empty list means all. */
export interface SnapshotFilter {
  readonly hosts?: readonly string[] | undefined;
  /** A snapshot fits if it has all tags of one of the lists; the list `[""]` fits untagged snapshots. */
  readonly tagLists?: readonly (readonly string[])[] | undefined;
  /** A snapshot fits if it contains all of these paths. */
  readonly paths?: readonly string[] | undefined;
}

/**
 * All snapshots that fit, oldest first.
 *
 * @throws {TsbakError} `corrupt` if one cannot be read, unless `onDamaged` is given, which is then told instead.
 */
export async function listSnapshots(
  repository: Repository,
  filter: SnapshotFilter = {},
  options: FindOptions & { readonly onDamaged?: (id: string, error: TsbakError) => void } = {},
): Promise<SnapshotEntry[]> {
  const files = await listFiles(repository, options);
  const load = async ({ name: id, modifiedMs }: FileInfo): Promise<SnapshotEntry | undefined> => {
    try {
      const entry = await loadKnown(repository, id, options);
      return modifiedMs === undefined ? entry : { ...entry, modifiedMs };
    } catch (error) {
      // Removed since it was listed: by a forget elsewhere.
      if (isTsbakError(error, "not-found")) return undefined;
      if (!isTsbakError(error, "corrupt") || options.onDamaged === undefined) throw error;
      options.onDamaged(id, error);
      return undefined;
    }
  };
  const entries: SnapshotEntry[] = [];
  for await (const entry of mapConcurrent(files, load, {
    concurrency: repository.backend.connections,
  })) {
    if (entry !== undefined && matchesFilter(entry.snapshot, filter)) entries.push(entry);
  }
  return entries.sort(byTime);
}

/** Read one snapshot by its full id. */
export async function loadSnapshot(
  repository: Repository,
  id: string,
  options?: CallOptions,
): Promise<SnapshotEntry> {
  return { id, snapshot: decodeSnapshot(await repository.loadFile("snapshot", id, options)) };
}

/** Store a snapshot. Everything it refers to must be durable and indexed before. */
export async function saveSnapshot(
  repository: Repository,
  snapshot: Snapshot,
): Promise<SnapshotEntry> {
  return { id: await repository.saveFile("snapshot", encodeSnapshot(snapshot)), snapshot };
}

/** A snapshot and, from `id:sub/folder`, the path inside it ("" for the whole). */
export interface SnapshotSelection extends SnapshotEntry {
  readonly subPath: string;
}

/** How a snapshot is looked for. */
export interface FindOptions extends CallOptions {
  /** Called when the snapshots are listed, before any is read: from then on the index may be loaded (see `Repository.loadIndex`). */
  readonly onListed?: (() => void) | undefined;
  /** What is there, by whoever listed it before; nothing is listed then. */
  readonly listed?: readonly FileInfo[] | undefined;
  /** Snapshots that were read before, by their ids; those that are read are added. */
  readonly known?: Map<string, SnapshotEntry> | undefined;
}

/**
 * Find what a user means by `latest`, a unique prefix of an id, or a full id, each with `:sub/folder` or not. The filter
 * applies to `latest` only.
 *
 * @throws {TsbakError} `not-found` if nothing fits, `invalid-argument` if a prefix is not unique.
 */
export async function findSnapshot(
  repository: Repository,
  text: string,
  filter: SnapshotFilter = {},
  options: FindOptions = {},
): Promise<SnapshotSelection> {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const subPath = colon < 0 ? "" : text.slice(colon + 1);
  const entry =
    name === "latest"
      ? await findLatest(repository, filter, options)
      : await loadKnown(repository, await findName(repository, name, options), options);
  return { ...entry, subPath };
}

async function findLatest(
  repository: Repository,
  filter: SnapshotFilter,
  options: FindOptions,
): Promise<SnapshotEntry> {
  return latestOf(await listSnapshots(repository, filter, options));
}

/** The newest of those that fit a filter. @throws {TsbakError} `not-found` if there is none. */
export function latestOf(fitting: readonly SnapshotEntry[]): SnapshotEntry {
  const latest = fitting.toSorted(byTime).at(-1);
  if (latest !== undefined) return latest;
  throw new TsbakError(
    "not-found",
    `Cannot find snapshot "latest": no snapshot fits the filter; see "tsbak snapshots"`,
  );
}

async function findName(
  repository: Repository,
  prefix: string,
  options: FindOptions,
): Promise<string> {
  const files = await listFiles(repository, options);
  return findByPrefix(
    files.map(({ name }) => name),
    prefix,
    "snapshot",
  );
}

async function listFiles(
  repository: Repository,
  { listed, onListed, ...call }: FindOptions,
): Promise<readonly FileInfo[]> {
  if (listed !== undefined) return listed;
  const files: FileInfo[] = [];
  for await (const file of repository.backend.list("snapshot", call)) files.push(file);
  onListed?.();
  return files;
}

async function loadKnown(
  repository: Repository,
  id: string,
  { known, signal }: FindOptions,
): Promise<SnapshotEntry> {
  const entry = known?.get(id) ?? (await loadSnapshot(repository, id, { signal }));
  known?.set(id, entry);
  return entry;
}

/**
 * The one name that begins with `prefix`.
 *
 * @throws {TsbakError} `not-found` if none does, `invalid-argument` if several do or the prefix is empty.
 */
export function findByPrefix(names: readonly string[], prefix: string, what: string): string {
  const fitting = prefix === "" ? [] : names.filter((name) => name.startsWith(prefix));
  if (fitting.length === 1) return fitting[0] as string;
  if (fitting.length > 1) {
    throw new TsbakError(
      "invalid-argument",
      `Cannot find ${what} "${prefix}": ${fitting.length} ids begin so; give more digits`,
    );
  }
  throw new TsbakError(
    "not-found",
    `Cannot find ${what} "${prefix}": no id begins so; see "tsbak list ${what}s"`,
  );
}

/** True if a snapshot fits a filter. */
export function matchesFilter(snapshot: Snapshot, filter: SnapshotFilter): boolean {
  const { hosts = [], tagLists = [], paths = [] } = filter;
  const hasAll = (tags: readonly string[]): boolean =>
    tags.every((tag) => (tag === "" ? snapshot.tags.length === 0 : snapshot.tags.includes(tag)));
  return (
    (hosts.length === 0 || hosts.includes(snapshot.hostname)) &&
    (tagLists.length === 0 || tagLists.some(hasAll)) &&
    paths.every((path) => snapshot.paths.includes(path))
  );
}

/** Order of snapshots by their time, oldest first. */
export function byTime(a: SnapshotEntry, b: SnapshotEntry): number {
  return compareTimes(parseTime(a.snapshot.time), parseTime(b.snapshot.time));
}
