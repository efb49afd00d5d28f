import type { BackupNotice, BackupSummary, Change } from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatSeconds, formatSize } from "./format-text.ts";
import { ProgressLine, progressShare, secondsLeft, type ProgressState } from "./progress-line.ts";
import { trafficFields } from "./traffic-report.ts";
import { reportWait } from "./with-lock.ts";

const ACTION: Readonly<Record<Change, string>> = {
  new: "new",
  changed: "modified",
  unmodified: "unchanged",
};

/** Tells people, or programs, what a backup does and what came of it, in restic's words. */
export class BackupReport {
  readonly #context: Context;
  readonly #progress: ProgressLine;

  constructor(context: Context) {
    this.#context = context;
    this.#progress = new ProgressLine(context, statusFields);
  }

  note(notice: BackupNotice): void {
    const { output } = this.#context;
    switch (notice.kind) {
      case "progress":
        return this.#progress.update(notice);
      case "item":
        return this.#noteItem(notice);
      case "error":
        return output.warnProblem(`error: ${notice.path}: ${notice.message}`, {
          message: notice.message,
          during: "archival",
          item: notice.path,
        });
      case "unstable":
        return output.warnProblem(`warning: ${notice.path}: it changed while it was read`, {
          message: "it changed while it was read",
          during: "archival",
          item: notice.path,
        });
      case "warning":
        return output.warn(notice.message);
      case "waiting":
        return reportWait(this.#context, notice.message, notice.waitMs);
    }
  }

  /** To be called at the end, whatever it is. */
  stop(): void {
    this.#progress.stop();
  }

  printSummary(summary: BackupSummary, isDryRun: boolean): void {
    const { output } = this.#context;
    if (!output.json) return this.#printText(summary, isDryRun);
    const fields = summaryFields(summary, this.#progress.seconds, isDryRun);
    output.message({ ...fields, ...trafficFields(this.#context) });
  }

  #noteItem(notice: BackupNotice & { readonly kind: "item" }): void {
    const { output } = this.#context;
    if (output.verbosity < 2) return;
    const { path, size, change, type } = notice;
    const item = type === "dir" && path !== "/" ? `${path}/` : path;
    const action = ACTION[change];
    output.message({
      message_type: "verbose_status",
      action,
      item,
      duration: 0,
      data_size: type === "file" && change !== "unmodified" ? size : 0,
      data_size_in_repo: 0,
      metadata_size: 0,
      metadata_size_in_repo: 0,
      total_files: 0,
    });
    const tail = type === "file" && change !== "unmodified" ? `, ${formatSize(size)}` : "";
    output.say(`${action.padEnd(9)} ${item}${tail}`, 3);
  }

  #printText(summary: BackupSummary, isDryRun: boolean): void {
    const { output } = this.#context;
    const { snapshot, parent } = summary;
    const compare =
      parent === undefined ? "no parent snapshot" : `parent snapshot ${parent.slice(0, 8)}`;
    output.say(`compared with ${compare}`, 2);
    output.say("");
    output.say(
      `Files:       ${counts(summary.filesNew, summary.filesChanged, summary.filesUnmodified)}`,
    );
    output.say(
      `Dirs:        ${counts(summary.dirsNew, summary.dirsChanged, summary.dirsUnmodified)}`,
    );
    output.say(`Data Blobs:  ${String(summary.dataBlobs).padStart(5)} new`, 2);
    output.say(`Tree Blobs:  ${String(summary.treeBlobs).padStart(5)} new`, 2);
    const verb = isDryRun ? "Would add" : "Added";
    const [added, stored] = [summary.dataAdded, summary.dataAddedPacked].map((size) =>
      formatSize(size),
    );
    output.say(`${verb} to the repository: ${added} (${stored} stored)`);
    output.say("");
    const { totalFilesProcessed, totalBytesProcessed } = summary;
    const time = formatSeconds(this.#progress.seconds);
    output.say(
      `processed ${totalFilesProcessed} files, ${formatSize(totalBytesProcessed)} in ${time}`,
    );
    if (snapshot !== undefined) output.say(`snapshot ${snapshot.id.slice(0, 8)} saved`);
    else if (!isDryRun) output.say("skipped creating snapshot: nothing has changed");
  }
}

function counts(added: number, changed: number, unmodified: number): string {
  const [first, second, third] = [added, changed, unmodified].map((n) => String(n).padStart(5));
  return `${first} new, ${second} changed, ${third} unmodified`;
}

/** The fields of restic's status message; what is zero is left out. */
function statusFields(state: ProgressState, seconds: number): object {
  const { totalFiles, totalBytes, filesDone, bytesDone, errors, current } = state;
  return {
    seconds_elapsed: Math.floor(seconds) || undefined,
    seconds_remaining: secondsLeft(state, seconds) || undefined,
    percent_done: progressShare(state),
    total_files: totalFiles || undefined,
    files_done: filesDone || undefined,
    total_bytes: totalBytes || undefined,
    bytes_done: bytesDone || undefined,
    error_count: errors || undefined,
    current_files: current === "" ? undefined : [current],
  };
}

function summaryFields(
  summary: BackupSummary,
  seconds: number,
  isDryRun: boolean,
): Record<string, unknown> {
  return {
    message_type: "summary",
    dry_run: isDryRun || undefined,
    files_new: summary.filesNew,
    files_changed: summary.filesChanged,
    files_unmodified: summary.filesUnmodified,
    dirs_new: summary.dirsNew,
    dirs_changed: summary.dirsChanged,
    dirs_unmodified: summary.dirsUnmodified,
    data_blobs: summary.dataBlobs,
    tree_blobs: summary.treeBlobs,
    data_added: summary.dataAdded,
    data_added_packed: summary.dataAddedPacked,
    total_files_processed: summary.totalFilesProcessed,
    total_bytes_processed: summary.totalBytesProcessed,
    total_duration: seconds,
    backup_start: summary.startedAt,
    backup_end: summary.endedAt,
    snapshot_id: summary.snapshot?.id,
  };
}
