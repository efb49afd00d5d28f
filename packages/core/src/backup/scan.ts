import { byteKey } from "../bytes/byte-key.ts";
import { readDirectory } from "../fs/directory.ts";
import { nodeType } from "../fs/mode.ts";
import { absolutePath, joinPath } from "../fs/path.ts";
import { statFile, type FileStat } from "../fs/stat.ts";
import { isSystemError } from "../fs/system-error.ts";
import type { DirectoryPlace, DirectorySelection, Selection } from "./select.ts";
import type { SourceNode } from "./sources.ts";

/** What is to be saved. */
export interface ScanTotals {
  files: number;
  bytes: number;
}

/** Directories that are scanned before others get their turn. */
const DIRECTORIES_A_TURN = 20;

/** Count the files below the sources in small turns beside the backup, so that progress has totals. */
export async function scanSources(
  root: SourceNode,
  selection: Selection,
  signal: AbortSignal,
): Promise<ScanTotals> {
  const totals: ScanTotals = { files: 0, bytes: 0 };
  const waiting: DirectoryPlace[] = [];
  for (const { path, foundIn } of sourcesBelow(root)) {
    const stat = tryStat(path);
    if (stat === undefined) continue;
    const device = stat.deviceId;
    const sourceDevice = foundIn?.sourceDevice ?? device;
    const place = { path, absolutePath: absolutePath(path), device, sourceDevice };
    if (nodeType(stat.mode) === "dir") waiting.push(place);
    else addFile(totals, stat);
  }
  for (let turn = 1; waiting.length > 0; turn++) {
    const place = waiting.pop() as DirectoryPlace;
    const selected = selection.enter(place);
    for (const name of tryRead(place.path)) {
      const inner = look(place, name, selected, totals);
      if (inner !== undefined) waiting.push(inner);
    }
    if (turn % DIRECTORIES_A_TURN === 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
  return totals;
}

/** Count an entry; gives the place of a directory. */
function look(
  { path, absolutePath: absolute, sourceDevice }: DirectoryPlace,
  name: Uint8Array,
  selected: DirectorySelection,
  totals: ScanTotals,
): DirectoryPlace | undefined {
  if (selected.byName(byteKey(name)) !== undefined) return undefined;
  const child = joinPath(path, name);
  const stat = tryStat(child);
  if (stat === undefined || selected.byState(stat) !== undefined) return undefined;
  if (nodeType(stat.mode) !== "dir") {
    addFile(totals, stat);
    return undefined;
  }
  const absolutePath = joinPath(absolute, name);
  return { path: child, absolutePath, device: stat.deviceId, sourceDevice };
}

function* sourcesBelow(
  node: SourceNode,
): Iterable<{ path: Uint8Array; foundIn: DirectoryPlace | undefined }> {
  const { path, foundIn } = node;
  if (path !== undefined) yield { path, foundIn };
  for (const child of node.children.values()) yield* sourcesBelow(child);
}

function addFile(totals: ScanTotals, stat: FileStat): void {
  if (nodeType(stat.mode) !== "file") return;
  totals.files++;
  totals.bytes += stat.size;
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
