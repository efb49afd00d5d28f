import {
  compilePatterns,
  diffTrees,
  diffWithDisk,
  encodeJson,
  findSnapshot,
  findTree,
  placeOnDisk,
  printablePath,
  TsbakError,
  type DiffChange,
  type DiffStatistics,
  type DiffSide,
  type EntryCounts,
  type LiveDiffStatistics,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount, formatSize } from "../format-text.ts";
import { jsonText } from "../json-text.ts";
import type { Output } from "../output.ts";
import { openNamedRepository } from "../open-repository.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `diff`. */
export interface DiffFlags {
  readonly metadata?: boolean;
  readonly live?: boolean;
  readonly readData?: boolean;
  readonly oneFileSystem?: boolean;
}

/** `diff`: what changed from one snapshot to another, or since then on the disk. */
export async function runDiff(
  context: Context,
  args: readonly string[],
  flags: DiffFlags,
): Promise<ExitCode> {
  if (flags.live === true) return runLiveDiff(context, args, flags);
  const [before = "", after] = args;
  if (after === undefined || flags.readData === true || flags.oneFileSystem === true) {
    const reason =
      after === undefined
        ? "name two snapshots, or one and --live for the disk"
        : "--read-data and --one-file-system are for --live";
    throw new TsbakError("invalid-argument", `Cannot compare: ${reason}`);
  }
  const { output } = context;
  const repository = await openNamedRepository(context, { locks: true });
  const statistics = await withLock(context, repository, { readOnly: true }, async (signal) => {
    const [a, b] = [
      await findSnapshot(repository, before, {}, { signal }),
      await findSnapshot(repository, after, {}, { signal }),
    ];
    output.say(`comparing snapshot ${a.id.slice(0, 8)} to ${b.id.slice(0, 8)}:\n`);
    return diffTrees(
      repository,
      await findTree(repository, a.snapshot.tree, a.subPath, { signal }),
      await findTree(repository, b.snapshot.tree, b.subPath, { signal }),
      { ...reporting(context), metadata: flags.metadata, signal },
    );
  });
  printStatistics(context, args, statistics);
  return conclude(statistics);
}

async function runLiveDiff(
  context: Context,
  [before = "", folder]: readonly string[],
  flags: DiffFlags,
): Promise<ExitCode> {
  const { output } = context;
  const repository = await openNamedRepository(context, { locks: true });
  let shown = "";
  const statistics = await withLock(context, repository, { readOnly: true }, async (signal) => {
    const found = await findSnapshot(repository, before, {}, { signal });
    const bytes = folder === undefined ? undefined : Buffer.from(folder);
    const comparison = await placeOnDisk(repository, found, bytes, { signal });
    shown = printablePath(comparison.folder);
    output.say(`comparing snapshot ${found.id.slice(0, 8)} to ${shown}:\n`);
    return diffWithDisk(repository, comparison, {
      ...reporting(context),
      ...flags,
      exclude: compilePatterns(found.snapshot.excludes),
      signal,
    });
  });
  printLiveStatistics(context, [before, shown], statistics);
  return conclude(statistics);
}

function reporting({ output }: Context): {
  onChange: (change: DiffChange) => void;
  onError: (path: Uint8Array, error: TsbakError | string) => void;
} {
  return {
    onChange: ({ path, modifier }) => {
      if (output.verbosity < 1) return;
      const message = { message_type: "change", path: jsonText(path), modifier };
      output.print(
        output.json ? encodeJson(message) : `${modifier.padEnd(5)}${printablePath(path)}`,
      );
    },
    onError: (path, error) => {
      const message = typeof error === "string" ? error : error.message;
      const item = printablePath(path);
      output.warnProblem(`error: ${item}: ${message}`, { message, during: "diff", item });
    },
  };
}

function printStatistics(
  { output }: Context,
  [source, target]: readonly string[],
  { changedFiles, added, removed }: DiffStatistics,
): void {
  output.message({
    message_type: "statistics",
    source_snapshot: source,
    target_snapshot: target,
    changed_files: changedFiles,
    added: sideJson(added),
    removed: sideJson(removed),
  });
  if (output.json) return;
  printEntryCounts(output, added, removed, changedFiles);
  output.print(`Data Blobs:  ${countPair(added.dataBlobs, removed.dataBlobs)}`);
  output.print(`Tree Blobs:  ${countPair(added.treeBlobs, removed.treeBlobs)}`);
  output.print(`  Added:   ${formatSize(added.bytes).padEnd(5)}`);
  output.print(`  Removed: ${formatSize(removed.bytes).padEnd(5)}`);
}

function printLiveStatistics(
  { output }: Context,
  [source, folder]: readonly string[],
  { changedFiles, added, removed }: LiveDiffStatistics,
): void {
  output.message({
    message_type: "statistics",
    source_snapshot: source,
    target_folder: folder,
    changed_files: changedFiles,
    added,
    removed,
  });
  if (output.json) return;
  printEntryCounts(output, added, removed, changedFiles);
  output.print(`  Added:   ${formatSize(added.bytes)}`);
  output.print(`  Removed: ${formatSize(removed.bytes)}`);
}

/** The lines that both kinds of comparison have. */
function printEntryCounts(
  output: Output,
  added: EntryCounts,
  removed: EntryCounts,
  changedFiles: number,
): void {
  output.print("");
  output.print(
    `Files:       ${countPair(added.files, removed.files)}, ${padCount(changedFiles)} changed`,
  );
  output.print(`Dirs:        ${countPair(added.dirs, removed.dirs)}`);
  output.print(`Others:      ${countPair(added.others, removed.others)}`);
}

function countPair(added: number, removed: number): string {
  return `${padCount(added)} new, ${padCount(removed)} removed`;
}

function padCount(value: number): string {
  return String(value).padStart(5);
}

function sideJson(side: DiffSide): Record<string, number> {
  const { files, dirs, others, dataBlobs, treeBlobs, bytes } = side;
  return { files, dirs, others, data_blobs: dataBlobs, tree_blobs: treeBlobs, bytes };
}

/** What could not be read could not be compared: nobody shall take that for equal. */
function conclude({ errors }: { readonly errors: number }): ExitCode {
  if (errors === 0) return EXIT.ok;
  throw new TsbakError(
    "corrupt",
    `Cannot compare everything: there ${errors === 1 ? "was" : "were"} ${formatCount(errors, "error")}; they are listed above`,
  );
}
