import { countStats, type Stats, type StatsMode } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatSize } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import type { Output } from "../output.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `stats`. */
export interface StatsFlags extends FilterFlags {
  readonly mode?: StatsMode;
}

/** `stats`: how much there is in snapshots. */
export async function runStats(
  context: Context,
  ids: readonly string[],
  flags: StatsFlags,
): Promise<ExitCode> {
  const mode = flags.mode ?? "restore-size";
  const { output } = context;
  const repository = await openNamedRepository(context, { locks: true });
  await withLock(context, repository, { readOnly: true }, async (signal) => {
    if (!output.json) output.print("scanning...");
    const snapshots = await selectSnapshots(context, repository, ids, { flags, signal });
    const roots = snapshots.map(({ snapshot }) => snapshot.tree);
    const stats = await countStats(repository, roots, mode, { signal });
    if (output.json) printJson(output, stats, roots.length);
    else printText(output, mode, stats, roots.length);
  });
  return EXIT.ok;
}

/** How well the data is compressed; 0 for what cannot be said. */
function compressionOf(stats: Stats): { ratio: number; progress: number; saving: number } {
  const { totalSize, uncompressedSize, compressedBlobsSize } = stats;
  const wouldBe = stats.compressedBlobsUncompressedSize;
  return {
    ratio: compressedBlobsSize === 0 ? 0 : wouldBe / compressedBlobsSize,
    // In percent, and computed as restic does, to the last digit.
    progress: uncompressedSize === 0 ? 0 : (wouldBe / uncompressedSize) * 100,
    saving: uncompressedSize === 0 ? 0 : (1 - totalSize / uncompressedSize) * 100,
  };
}

function printJson(output: Output, stats: Stats, snapshots: number): void {
  const { ratio, progress, saving } = compressionOf(stats);
  output.message({
    total_size: stats.totalSize,
    total_uncompressed_size: stats.uncompressedSize || undefined,
    compression_ratio: ratio || undefined,
    compression_progress: progress || undefined,
    compression_space_saving: saving || undefined,
    total_file_count: stats.fileCount || undefined,
    total_blob_count: stats.blobCount || undefined,
    snapshots_count: snapshots,
  });
}

function printText(output: Output, mode: StatsMode, stats: Stats, snapshots: number): void {
  const { ratio, progress, saving } = compressionOf(stats);
  const lines: readonly (readonly [name: string, value: string, isShown: boolean])[] = [
    ["Snapshots processed", String(snapshots), true],
    ["Total Blob Count", String(stats.blobCount), stats.blobCount > 0],
    ["Total File Count", String(stats.fileCount), stats.fileCount > 0],
    ["Total Uncompressed Size", formatSize(stats.uncompressedSize), stats.uncompressedSize > 0],
    ["Total Size", formatSize(stats.totalSize), true],
    ["Compression Progress", `${progress.toFixed(2)}%`, progress > 0],
    ["Compression Ratio", `${ratio.toFixed(2)}x`, ratio > 0],
    ["Compression Space Saving", `${saving.toFixed(2)}%`, saving > 0],
  ];
  output.print(`Stats in ${mode} mode:`);
  for (const [name, value, isShown] of lines) {
    if (isShown) output.print(`${name.padStart(24)}:  ${value}`);
  }
}
