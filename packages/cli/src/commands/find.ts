import {
  compilePatterns,
  findEntries,
  findObjects,
  resolveObjects,
  resolvePacks,
  TsbakError,
  type BlobType,
  type Repository,
  type SnapshotEntry,
  type WantedObjects,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { createFindReport, type FindReport } from "../find-report.ts";
import type { EntryFlags } from "../format-entry.ts";
import { formatCount } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `find`. */
export interface FindFlags extends FilterFlags, EntryFlags {
  readonly ignoreCase?: boolean;
  /** RFC 3339. */
  readonly oldest?: string;
  readonly newest?: string;
  readonly blob?: boolean;
  readonly tree?: boolean;
  readonly pack?: boolean;
  readonly showPackId?: boolean;
  readonly snapshot?: readonly string[];
  readonly reverse?: boolean;
}

/** A search in one repository. */
interface Search {
  readonly context: Context;
  readonly repository: Repository;
  readonly report: FindReport;
  readonly signal: AbortSignal;
  readonly onUnreadable: (tree: string) => void;
}

/** `find`: look for entries by patterns, or for where blobs are used, in all snapshots, the newest first. */
export async function runFind(
  context: Context,
  patterns: readonly string[],
  flags: FindFlags,
): Promise<ExitCode> {
  checkFlags(flags);
  const repository = await openNamedRepository(context, { locks: true });
  let unreadable = 0;
  await withLock(context, repository, { readOnly: true }, async (signal) => {
    const report = createFindReport(context, flags);
    const snapshots = await selectSnapshots(context, repository, flags.snapshot ?? [], {
      flags,
      signal,
    });
    if (flags.reverse !== true) snapshots.reverse();
    const onUnreadable = (tree: string): void => {
      unreadable++;
      context.output.warn(`Cannot read tree ${tree}: what is below it was not searched`);
    };
    const search = { context, repository, report, signal, onUnreadable };
    const wanted = await resolveWanted(repository, patterns, flags, signal);
    if (wanted === undefined) await searchEntries(search, snapshots, patterns, flags);
    else await searchObjects(search, snapshots, wanted, flags);
  });
  if (unreadable === 0) return EXIT.ok;
  const count = formatCount(unreadable, "tree");
  throw new TsbakError("corrupt", `Cannot search everything: ${count} could not be read`);
}

function checkFlags({ oldest, newest, blob, tree, pack, showPackId }: FindFlags): void {
  const kinds = [blob, tree, pack].filter((flag) => flag === true).length;
  if (kinds > 1) throw badFlags("--blob, --tree and --pack exclude each other; use one");
  if (showPackId === true && kinds === 0) {
    throw badFlags("--show-pack-id is for --blob, --tree and --pack");
  }
  if (oldest !== undefined && newest !== undefined && Date.parse(oldest) > Date.parse(newest)) {
    throw badFlags("--oldest is after --newest");
  }
}

function badFlags(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot search: ${reason}`);
}

async function resolveWanted(
  repository: Repository,
  ids: readonly string[],
  flags: FindFlags,
  signal: AbortSignal,
): Promise<WantedObjects | undefined> {
  if (flags.pack === true) return resolvePacks(repository, ids, { signal });
  if (flags.tree === true) return resolveObjects(repository, "tree", ids, { signal });
  return flags.blob === true ? resolveObjects(repository, "data", ids, { signal }) : undefined;
}

async function searchEntries(
  { repository, report, signal, onUnreadable }: Search,
  snapshots: readonly SnapshotEntry[],
  patterns: readonly string[],
  { ignoreCase, oldest, newest }: FindFlags,
): Promise<void> {
  const lists = patterns.map((pattern) =>
    compilePatterns([pattern], { ignoreCase: ignoreCase ?? false }),
  );
  for (const entry of snapshots) {
    const query = { patterns: lists, oldest, newest };
    const onFound = report.entry.bind(report, entry);
    await findEntries(repository, entry.snapshot.tree, query, { onFound, onUnreadable, signal });
  }
  report.close();
}

async function searchObjects(
  { context, repository, report, signal, onUnreadable }: Search,
  snapshots: readonly SnapshotEntry[],
  wanted: WantedObjects,
  { showPackId }: FindFlags,
): Promise<void> {
  for (const entry of snapshots) {
    const onFound = report.object.bind(report, entry);
    await findObjects(repository, entry.snapshot.tree, wanted, { onFound, onUnreadable, signal });
  }
  report.close();
  if (showPackId !== true) return;
  for (const id of wanted.blobs) await printPack({ context, repository, signal }, "data", id);
  for (const id of wanted.trees) await printPack({ context, repository, signal }, "tree", id);
}

async function printPack(
  { context, repository, signal }: Pick<Search, "context" | "repository" | "signal">,
  type: BlobType,
  id: string,
): Promise<void> {
  const [place] = (await repository.loadIndex({ signal })).locate(type, id);
  if (place === undefined) {
    context.output.print(`Object ${id.slice(0, 8)} with type ${type} not found in the index`);
    return;
  }
  const { pack, offset, length, uncompressedLength } = place;
  const where = `offset ${offset}, length ${length}, uncompressed length ${uncompressedLength}`;
  context.output.print(`Object belongs to pack ${pack}`);
  context.output.print(
    ` ... Pack ${pack.slice(0, 8)}: <Blob (${type}) ${id.slice(0, 8)}, ${where}>`,
  );
}
