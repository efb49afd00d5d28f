import { readDirectory } from "../fs/directory.ts";
import { nodeType } from "../fs/mode.ts";
import { joinPath } from "../fs/path.ts";
import { statFile, type FileStat } from "../fs/stat.ts";
import { isSystemError } from "../fs/system-error.ts";
import type { Selection } from "./select.ts";
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
  const waiting: { path: Uint8Array; source: bigint; device: bigint }[] = [];
  for (const path of sourcePaths(root)) {
    const stat = tryStat(path);
    if (stat === undefined) continue;
    const device = stat.deviceId;
    if (nodeType(stat.mode) === "dir") waiting.push({ path, source: device, device });
    else addFile(totals, stat);
  }
  for (let turn = 1; waiting.length > 0; turn++) {
    const { path, source, device } = waiting.pop() as (typeof waiting)[number];
    for (const name of tryRead(path)) {
      const child = joinPath(path, name);
      if (selection.excludedByPath(child) !== undefined) continue;
      const stat = tryStat(child);
      if (stat === undefined) continue;
      if (selection.excludedByStat(stat, source, device) !== undefined) continue;
      if (nodeType(stat.mode) === "dir")
        waiting.push({ path: child, source, device: stat.deviceId });
      else addFile(totals, stat);
    }
    if (turn % DIRECTORIES_A_TURN === 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
  return totals;
}

function* sourcePaths(node: SourceNode): Iterable<Uint8Array> {
  if (node.path !== undefined) yield node.path;
  for (const child of node.children.values()) yield* sourcePaths(child);
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
