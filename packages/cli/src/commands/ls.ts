import {
  encodeJson,
  findSnapshot,
  findTree,
  TsbakError,
  walkTree,
  type JsonObject,
  type Repository,
  type SnapshotSelection,
  type WalkEntry,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatEntry, type EntryFlags } from "../format-entry.ts";
import { formatLocalTime, printable } from "../format-text.ts";
import { formatGoMode } from "../go-mode.ts";
import { jsonText } from "../json-text.ts";
import { NcduExport } from "../ncdu-export.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { sortEntries, type SortKey } from "../sort-entries.ts";
import { snapshotFilter } from "../snapshot-filter.ts";
import { withLock } from "../with-lock.ts";
import { snapshotJson } from "../snapshot-table.ts";

/** Flags of `ls`. */
export interface LsFlags extends FilterFlags, EntryFlags {
  readonly recursive?: boolean;
  readonly sort?: SortKey;
  readonly reverse?: boolean;
  readonly ncdu?: boolean;
}

/** `ls`: list what is in a snapshot: everything, or the named folders with what lies directly in them. */
export async function runLs(
  context: Context,
  args: readonly string[],
  flags: LsFlags,
): Promise<ExitCode> {
  const [id = "", ...folders] = args;
  checkFlags(context, flags);
  const wanted = folders.map(cleanFolder);
  const repository = await openNamedRepository(context, { locks: true });
  await withLock(context, repository, { readOnly: true }, async (signal) => {
    const filter = snapshotFilter(flags, context.environment);
    const found = await findSnapshot(repository, id, filter, { signal });
    const tree = await findTree(repository, found.snapshot.tree, found.subPath, { signal });
    const head = { ...found, snapshot: { ...found.snapshot, tree } };
    const choice = { wanted, recursive: flags.recursive ?? false };
    const entries = listEntries(repository, tree, choice, signal);
    if (flags.ncdu === true) await exportNcdu(context, head, entries);
    else {
      printHead(context, head, wanted);
      await printEntries(context, flags, entries);
    }
  });
  return EXIT.ok;
}

function checkFlags({ output }: Context, { ncdu, sort = "name", reverse }: LsFlags): void {
  if (ncdu !== true) return;
  const other = output.json ? "--json" : sort !== "name" ? "--sort" : "--reverse";
  if (!output.json && sort === "name" && reverse !== true) return;
  throw new TsbakError("invalid-argument", `Cannot list: --ncdu and ${other} exclude each other`);
}

async function exportNcdu(
  { output }: Context,
  { snapshot }: SnapshotSelection,
  entries: AsyncIterable<ListedEntry>,
): Promise<void> {
  const ncdu = new NcduExport(output);
  ncdu.head(snapshot);
  for await (const { entry } of entries) ncdu.entry(entry);
  ncdu.close();
}

async function printEntries(
  { output }: Context,
  flags: LsFlags,
  entries: AsyncIterable<ListedEntry>,
): Promise<void> {
  const { sort = "name", reverse = false } = flags;
  const print = (entry: WalkEntry): void =>
    output.print(output.json ? entryJson(entry) : formatEntry(entry, flags));
  const gathered: WalkEntry[] = [];
  for await (const { entry, isOnTheWay } of entries) {
    if (isOnTheWay) continue;
    if (sort === "name" && !reverse) print(entry);
    else gathered.push(entry);
  }
  sortEntries(gathered, sort);
  if (reverse) gathered.reverse();
  gathered.forEach(print);
}

interface Choice {
  /** Folders as Latin-1 texts, which keep bytes apart that UTF-8 would not; none for everything. */
  readonly wanted: readonly string[];
  readonly recursive: boolean;
}

interface ListedEntry {
  readonly entry: WalkEntry;
  /** A folder that only leads to those that are wanted. */
  readonly isOnTheWay: boolean;
}

async function* listEntries(
  repository: Repository,
  tree: string,
  { wanted, recursive }: Choice,
  signal: AbortSignal,
): AsyncGenerator<ListedEntry, void, undefined> {
  const isAll = wanted.length === 0;
  const isInside = (path: string): boolean => wanted.some((folder) => isBelow(path, folder));
  const isOnTheWay = (path: string): boolean => wanted.some((folder) => isBelow(folder, path));
  const textOf = ({ path }: WalkEntry): string => Buffer.from(path).toString("latin1");
  const enter = (entry: WalkEntry): boolean =>
    isAll || isOnTheWay(textOf(entry)) || (recursive && isInside(textOf(entry)));
  for await (const entry of walkTree(repository, tree, { signal, enter })) {
    signal.throwIfAborted();
    if (isAll || isInside(textOf(entry))) yield { entry, isOnTheWay: false };
    else if (isOnTheWay(textOf(entry))) yield { entry, isOnTheWay: true };
  }
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}

/** Without a slash at the end. */
function cleanFolder(folder: string): string {
  if (folder.startsWith("/")) {
    const parts = folder.split("/").filter((part) => part !== "" && part !== ".");
    return Buffer.from(`/${parts.join("/")}`).toString("latin1");
  }
  throw new TsbakError(
    "invalid-argument",
    `Cannot list "${printable(folder)}": it does not begin with a slash; give its whole path in the snapshot`,
  );
}

function printHead(context: Context, found: SnapshotSelection, wanted: readonly string[]): void {
  const { output } = context;
  if (output.json) {
    output.print(snapshotJson(found, ',"message_type":"snapshot","struct_type":"snapshot"'));
    return;
  }
  const { time, paths, username, hostname } = found.snapshot;
  const folders = wanted.map((folder) => Buffer.from(folder, "latin1").toString());
  const what = `snapshot ${found.id.slice(0, 8)} of [${paths.join(" ")}]`;
  const who = `at ${formatLocalTime(time)} by ${username}@${hostname}`;
  output.say(printable(`${what} ${who} filtered by [${folders.join(" ")}]:`));
}

/** The fields of restic, in its order. */
function entryJson({ path, node }: WalkEntry): string {
  const fields: JsonObject = {
    name: jsonText(node.name),
    type: node.type,
    path: jsonText(path),
    uid: node.uid,
    gid: node.gid,
    ...(node.type === "file" ? { size: node.size } : {}),
    ...(node.mode === 0 ? {} : { mode: node.mode }),
    permissions: formatGoMode(node.mode),
    mtime: node.mtime,
    atime: node.atime,
    ctime: node.ctime,
    ...(node.inode === 0n ? {} : { inode: node.inode }),
    // Only ours, which restic does not list.
    ...(node.genericAttributes === undefined ? {} : { generic_attributes: node.genericAttributes }),
    message_type: "node",
    struct_type: "node",
  };
  return encodeJson(fields);
}
