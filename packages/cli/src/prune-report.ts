import type { PruneEvent, PruneReport, PruneStatistics } from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatCount, formatSeconds, formatSize } from "./format-text.ts";
import { progressInterval } from "./progress-line.ts";
import { TimedStatus } from "./timed-status.ts";
import { trafficFields } from "./traffic-report.ts";
import { reportWait } from "./with-lock.ts";

/** What is counted in the phases that take long. */
const COUNTED: Readonly<Record<string, string>> = {
  mark: "trees read",
  repack: "packs repacked",
  remove: "packs removed",
};

/** Tells of a prune in restic's words. */
export class PruneReporter {
  readonly #context: Context;
  readonly #isDryRun: boolean;
  readonly #status: TimedStatus;
  #counted = "";
  #total = 0;

  constructor(context: Context, isDryRun: boolean) {
    this.#context = context;
    this.#isDryRun = isDryRun;
    this.#status = new TimedStatus(
      context.output,
      progressInterval(context.output, context.environment),
    );
  }

  /** To be given to `prune`. */
  take(event: PruneEvent): void {
    const { output } = this.#context;
    switch (event.kind) {
      case "phase":
        return this.#phase(event);
      case "progress":
        return this.#status.show(() => {
          const of = this.#total > 0 ? ` / ${this.#total}` : "";
          return `${event.done}${of} ${this.#counted}`;
        });
      case "plan":
        this.#status.stop();
        return this.#plan(event.statistics);
      case "waiting":
        return reportWait(this.#context, event.message, event.waitMs);
      case "waiting-for-others":
        return output.say(
          `waiting up to ${formatSeconds(event.limitMs / 1000)} for others to end: ${event.message}`,
        );
      case "warning":
        return output.warnMessage(event.message, {
          message_type: "error",
          error: { message: event.message },
          during: "prune",
          item: "",
        });
    }
  }

  /** Show no more of what goes on. */
  stop(): void {
    this.#status.stop();
  }

  /** What came of it. */
  end(report: PruneReport): void {
    const { output } = this.#context;
    const { postponedPacks, rescuedPacks, failedRemovals } = report;
    output.message({
      ...describeStatistics(report.statistics),
      tsbak_postponed_packs: postponedPacks,
      tsbak_rescued_packs: rescuedPacks,
      tsbak_failed_removals: failedRemovals,
      ...trafficFields(this.#context),
    });
    if (this.#isDryRun) return;
    if (postponedPacks > 0) {
      const left = formatCount(postponedPacks, "pack");
      output.say(`time was up: ${left} will be repacked by the next prune`);
    }
    if (rescuedPacks > 0) {
      const kept = formatCount(rescuedPacks, "pack");
      output.say(`kept ${kept} that new snapshots need`);
    }
    output.say("done");
  }

  #phase({ phase, count }: Extract<PruneEvent, { kind: "phase" }>): void {
    const { output } = this.#context;
    this.#status.stop();
    this.#counted = COUNTED[phase] ?? "";
    this.#total = phase === "mark" ? 0 : count;
    const texts: Partial<Record<typeof phase, string>> = {
      load: "loading all snapshots...",
      mark: `finding data that is still in use for ${formatCount(count, "snapshot")}`,
      plan: "searching used packs...",
      ...(count > 0 && {
        repack: "repacking packs",
        index: "rebuilding index",
        remove: `removing ${formatCount(count, "old pack")}`,
      }),
    };
    const text = texts[phase];
    if (text !== undefined) output.say(text);
  }

  #plan(statistics: PruneStatistics): void {
    const { output } = this.#context;
    output.say("collecting packs for deletion and repacking");
    if (this.#isDryRun) output.say("\nWould have made the following changes:");
    for (const line of contents(statistics)) output.say(line, 2);
    for (const line of changes(statistics)) output.say(line);
    for (const line of packs(statistics)) output.say(line, 2);
  }
}

function row(title: string, count: number, unit: string): string {
  return `${title.padEnd(14)}${String(count).padStart(10)} ${unit}`;
}

function blobs(title: string, count: number, size: number): string {
  return `${row(title, count, "blobs")} / ${formatSize(size)}`;
}

function contents({ blobs: count, bytes }: PruneStatistics): string[] {
  return [
    "",
    blobs("used:", count.used, bytes.used),
    ...(count.duplicate > 0 ? [blobs("duplicates:", count.duplicate, bytes.duplicate)] : []),
    blobs("unused:", count.unused, bytes.unused),
    ...(bytes.unreferenced > 0
      ? [`${"unreferenced:".padEnd(33)}${formatSize(bytes.unreferenced)}`]
      : []),
    blobs("total:", count.total, bytes.total),
    `unused size: ${formatShare(bytes.duplicate + bytes.unused, bytes.total)} of total size`,
  ];
}

function changes({ blobs: count, bytes }: PruneStatistics): string[] {
  return [
    "",
    blobs("to repack:", count.repack, bytes.repack),
    blobs("this removes:", count.repackRemove, bytes.repackRemove),
    blobs("to delete:", count.remove, bytes.remove + bytes.unreferenced),
    blobs("total prune:", count.removeTotal, bytes.removeTotal),
    ...(bytes.uncompressed > 0
      ? [`${"not yet compressed:".padEnd(33)}${formatSize(bytes.uncompressed)}`]
      : []),
    blobs("remaining:", count.remaining, bytes.remaining),
    `unused size after prune: ${formatSize(bytes.remainingUnused)} ` +
      `(${formatShare(bytes.remainingUnused, bytes.remaining)} of remaining size)`,
    "",
  ];
}

function packs({ packs: count }: PruneStatistics): string[] {
  const used = (title: string, packs: number): string =>
    `${title.padEnd(20)}${String(packs).padStart(10)}`;
  return [
    used("totally used packs:", count.used),
    used("partly used packs:", count.partlyUsed),
    used("unused packs:", count.unused),
    "",
    row("to keep:", count.keep, "packs"),
    row("to repack:", count.repack, "packs"),
    row("to delete:", count.remove, "packs"),
    ...(count.unreferenced > 0
      ? [row("to delete:", count.unreferenced, "unreferenced packs")]
      : []),
    "",
  ];
}

function formatShare(part: number, whole: number): string {
  return whole === 0 ? "" : `${Math.min((100 * part) / whole, 100).toFixed(2)}%`;
}

/** In the fields of restic's summary. */
function describeStatistics({ blobs, bytes, packs }: PruneStatistics): Record<string, unknown> {
  return {
    message_type: "summary",
    blobs: {
      used: blobs.used,
      duplicate: blobs.duplicate,
      unused: blobs.unused,
      total: blobs.total,
      repack: blobs.repack,
      repack_remove: blobs.repackRemove,
      remove: blobs.remove,
      remove_total: blobs.removeTotal,
      remaining: blobs.remaining,
    },
    bytes: {
      used: bytes.used,
      duplicate: bytes.duplicate,
      unused: bytes.unused,
      unreferenced: bytes.unreferenced,
      uncompressed: bytes.uncompressed,
      total: bytes.total,
      repack: bytes.repack,
      repack_remove: bytes.repackRemove,
      remove: bytes.remove,
      remove_total: bytes.removeTotal,
      remaining: bytes.remaining,
      remaining_unused: bytes.remainingUnused,
    },
    packfiles: {
      used: packs.used,
      unused: packs.unused,
      partly_used: packs.partlyUsed,
      unreferenced: packs.unreferenced,
      total: packs.total,
      keep: packs.keep,
      repack: packs.repack,
      remove: packs.remove,
      remove_total: packs.removeTotal,
    },
  };
}
