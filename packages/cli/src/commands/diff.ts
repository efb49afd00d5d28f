import {
  diffTrees,
  encodeJson,
  findSnapshot,
  findTree,
  printablePath,
  TsbakError,
  type DiffChange,
  type DiffStatistics,
  type DiffSide,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount, formatSize } from "../format-text.ts";
import { jsonText } from "../json-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `diff`. */
export interface DiffFlags {
  readonly metadata?: boolean;
}

/** `diff`: what changed from one snapshot to another. */
export async function runDiff(
  context: Context,
  args: readonly string[],
  flags: DiffFlags,
): Promise<ExitCode> {
  const [before = "", after = ""] = args;
  const { output } = context;
  const repository = await openNamedRepository(context);
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

function reporting({ output }: Context): {
  onChange: (change: DiffChange) => void;
  onError: (path: Uint8Array, error: TsbakError) => void;
} {
  return {
    onChange: ({ path, modifier }) => {
      if (output.verbosity < 1) return;
      const message = { message_type: "change", path: jsonText(path), modifier };
      output.print(
        output.json ? encodeJson(message) : `${modifier.padEnd(5)}${printablePath(path)}`,
      );
    },
    onError: (path, { message }) => {
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
  const count = (value: number): string => String(value).padStart(5);
  const pair = (a: number, b: number): string => `${count(a)} new, ${count(b)} removed`;
  output.print("");
  output.print(`Files:       ${pair(added.files, removed.files)}, ${count(changedFiles)} changed`);
  output.print(`Dirs:        ${pair(added.dirs, removed.dirs)}`);
  output.print(`Others:      ${pair(added.others, removed.others)}`);
  output.print(`Data Blobs:  ${pair(added.dataBlobs, removed.dataBlobs)}`);
  output.print(`Tree Blobs:  ${pair(added.treeBlobs, removed.treeBlobs)}`);
  output.print(`  Added:   ${formatSize(added.bytes).padEnd(5)}`);
  output.print(`  Removed: ${formatSize(removed.bytes).padEnd(5)}`);
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
