import type { Coverage, VerifyProblem, VerifyReport } from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatCount, formatLocalTime, formatSize } from "./format-text.ts";
import { trafficFields } from "./traffic-report.ts";

/** Print what a verification found, and how much of the packs was read in full lately. */
export function printVerifyReport(context: Context, report: VerifyReport): void {
  const { output } = context;
  for (const problem of report.errors) {
    const lines = describeProblem(problem);
    output.warnMessage(lines.join("\n"), { message_type: "error", message: lines.join("; ") });
  }
  for (const hint of report.hints) {
    output.say(`hint: ${hint.message} (${formatCount(hint.packs.length, "pack")})`);
  }
  if (report.memoryProblem !== undefined) {
    output.say(`what was read is not remembered: ${report.memoryProblem.message}`);
  }
  output.message({
    message_type: "summary",
    num_errors: report.errors.length,
    broken_packs: report.damagedPacks.length === 0 ? null : report.damagedPacks,
    suggest_repair_index: report.suggestRepairIndex,
    suggest_prune: report.suggestPrune,
    ...coverageFields(report),
    ...trafficFields(context),
  });
  const { packsRead, bytesRead } = report.counts;
  output.say(describeCounts(report));
  const { snapshots, snapshotsLeftOut } = report.counts;
  if (snapshotsLeftOut !== undefined && snapshots === 0 && report.errors.length === 0) {
    output.warn("no snapshot fits the filter, so that only the index was checked");
  }
  if (packsRead > 0)
    output.say(`read ${formatCount(packsRead, "pack")} in full, ${formatSize(bytesRead)}`);
  for (const line of describeCoverage(report)) output.say(line);
  if (report.errors.length === 0) output.say("no errors were found");
}

/** Of some snapshots only is not said how many blobs and packs they need: the index was looked at as a whole. */
function describeCounts({ counts }: VerifyReport): string {
  const { snapshots, snapshotsLeftOut, packs, blobs, trees } = counts;
  const what = `${formatCount(trees, "tree")}`;
  if (snapshotsLeftOut === undefined) {
    return `checked ${formatCount(snapshots, "snapshot")}, ${what}, ${formatCount(blobs, "blob")}, ${formatCount(packs, "pack")}`;
  }
  const all = formatCount(snapshots + snapshotsLeftOut, "snapshot");
  return `checked ${snapshots} of ${all}, ${what}, and the index of ${formatCount(packs, "pack")}`;
}

/** In the summary of `--json`. */
function coverageFields({ coverage, counts }: VerifyReport): Record<string, unknown> {
  const { oldest } = coverage;
  return {
    ...(counts.snapshotsLeftOut !== undefined && {
      tsbak_snapshots: counts.snapshots,
      tsbak_snapshots_left_out: counts.snapshotsLeftOut,
    }),
    tsbak_packs_read: counts.packsRead,
    tsbak_bytes_read: counts.bytesRead,
    tsbak_coverage: {
      days: coverage.days,
      packs: coverage.packs,
      packs_read: coverage.packsRead,
      bytes: coverage.bytes,
      bytes_read: coverage.bytesRead,
      oldest_unread:
        oldest === undefined
          ? null
          : {
              pack: oldest.name,
              read: oldest.readAt === undefined ? null : timeOf(oldest.readAt),
              known_since: timeOf(oldest.knownSince),
            },
    },
  };
}

/** Who never has packs read need not hear how few were. */
function describeCoverage({ coverage, counts }: VerifyReport): string[] {
  const { oldest, days, packs, packsRead, bytes, bytesRead } = coverage;
  if (packs === 0) return [];
  const isUnused = counts.packsRead === 0 && packsRead === 0 && oldest?.readAt === undefined;
  if (isUnused) return [];
  const share = `${percent(packsRead, packs)} of the packs and ${percent(bytesRead, bytes)} of the bytes`;
  const line = `read in full within ${days} days: ${share}`;
  return oldest === undefined ? [line] : [line, describeOldest(oldest)];
}

function describeOldest({ name, readAt, knownSince }: NonNullable<Coverage["oldest"]>): string {
  const time = formatLocalTime(timeOf(knownSince));
  const what = readAt === undefined ? `never read, known since ${time}` : `last read ${time}`;
  return `of the others, pack ${name.slice(0, 8)} waits longest: ${what}`;
}

/** Rounded down, so that 100 % is all of it. */
function percent(part: number, whole: number): string {
  return whole === 0 ? "100 %" : `${Math.floor((part * 1000) / whole) / 10} %`;
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** A problem, and below it what cannot be restored because of it. */
function describeProblem({ message, affected, affectedCount }: VerifyProblem): string[] {
  const places = affected.map(
    ({ snapshot, path }) => `  snapshot ${snapshot.slice(0, 8)}: ${path}`,
  );
  const rest = affectedCount - affected.length;
  return [`error: ${message}`, ...places, ...(rest > 0 ? [`  and ${rest} more`] : [])];
}
