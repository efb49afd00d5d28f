import { byteKey } from "../bytes/byte-key.ts";
import { readDirectory } from "../fs/directory.ts";
import { nodeType } from "../fs/mode.ts";
import { joinPath } from "../fs/path.ts";
import { statFile, type FileStat } from "../fs/stat.ts";
import { isSystemError } from "../fs/system-error.ts";
import { placeBelow, sourcePlace, type DirectoryPlace } from "./directory-place.ts";
import type { Selection } from "./select.ts";
import type { SourceNode } from "./sources.ts";

/** What is to be saved. */
export interface ScanTotals {
  files: number;
  bytes: number;
}

/** Something that is selected. */
export interface SelectedEntry {
  readonly path: Uint8Array;
  readonly stat: FileStat;
}

/** Entries that are scanned before others get their turn. */
const ENTRIES_A_TURN = 1000;

/** Count the files below the sources in small turns beside the backup, so that progress has totals. */
export async function scanSources(
  root: SourceNode,
  selection: Selection,
  signal: AbortSignal,
): Promise<ScanTotals> {
  const totals: ScanTotals = { files: 0, bytes: 0 };
  let looked = 0;
  for (const { stat } of selectedEntries(root, selection)) {
    if (nodeType(stat.mode) === "file") {
      totals.files++;
      totals.bytes += stat.size;
    }
    if (++looked % ENTRIES_A_TURN === 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
  return totals;
}

/** The sources and everything below them that is to be saved, each directory before what is in it. */
export function* selectedEntries(
  root: SourceNode,
  selection: Selection,
): Generator<SelectedEntry, void, undefined> {
  for (const { path, absolutePath, foundIn } of sourcesBelow(root)) {
    const stat = tryStat(path);
    if (stat === undefined) continue;
    yield { path, stat };
    const place = sourcePlace(path, absolutePath, stat.deviceId, foundIn);
    if (nodeType(stat.mode) === "dir") yield* entriesIn(place, selection);
  }
}

function* entriesIn(
  place: DirectoryPlace,
  selection: Selection,
): Generator<SelectedEntry, void, undefined> {
  const selected = selection.enter(place);
  for (const name of tryRead(place.path)) {
    if (selected.byName(byteKey(name)) !== undefined) continue;
    const path = joinPath(place.path, name);
    const stat = tryStat(path);
    if (stat === undefined || selected.byState(byteKey(name), stat) !== undefined) continue;
    yield { path, stat };
    if (nodeType(stat.mode) !== "dir") continue;
    yield* entriesIn(placeBelow(place, name, stat.deviceId), selection);
  }
}

function* sourcesBelow(
  node: SourceNode,
): Iterable<Pick<SourceNode, "absolutePath" | "foundIn"> & { readonly path: Uint8Array }> {
  const { path, absolutePath, foundIn } = node;
  if (path !== undefined) yield { path, absolutePath, foundIn };
  for (const child of node.children.values()) yield* sourcesBelow(child);
}

/** What cannot be read is not counted; the backup itself reports it. */
function tryStat(path: Uint8Array): FileStat | undefined {
  return ignoreSystemErrors(() => statFile(path));
}

function tryRead(path: Uint8Array): readonly Uint8Array[] {
  return ignoreSystemErrors(() => readDirectory(path)) ?? [];
}

function ignoreSystemErrors<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}
