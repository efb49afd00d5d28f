import type { RestoreNotice, RestoreSummary } from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatSeconds, formatSize } from "./format-text.ts";
import { ProgressLine, progressShare, type ProgressState } from "./progress-line.ts";
import { trafficFields } from "./traffic-report.ts";

type RestoreProgressNotice = Extract<RestoreNotice, { kind: "progress" }>;

/** Tells people, or programs, what a restore does and what came of it, in restic's words. */
export class RestoreReport {
  readonly #context: Context;
  readonly #progress: ProgressLine;
  #last: RestoreProgressNotice | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.#progress = new ProgressLine(context, (state, seconds) =>
      statusFields({ ...state, ...this.#last }, seconds),
    );
  }

  note(notice: RestoreNotice): void {
    const { output } = this.#context;
    switch (notice.kind) {
      case "progress":
        this.#last = notice;
        return this.#progress.update(notice);
      case "item": {
        const { action, path, size } = notice;
        output.message({ message_type: "verbose_status", action, item: path, size });
        return output.say(describeItem(notice), 3);
      }
      case "error":
        return output.warnProblem(`error: ${notice.path}: ${notice.message}`, {
          message: notice.message,
          during: "restore",
          item: notice.path,
        });
      case "warning":
        return output.warnProblem(`warning: ${notice.message}`, {
          message: notice.message,
          during: "restore",
          item: "",
        });
    }
  }

  /** To be called at the end, whatever it is. */
  stop(): void {
    this.#progress.stop();
  }

  printSummary(summary: RestoreSummary): void {
    const { output } = this.#context;
    const { files, directories, others, bytes, totalFiles, totalBytes } = summary;
    const { unchanged, unchangedBytes, deleted } = summary;
    const done = files + directories + others;
    const total = totalFiles + directories + others;
    const seconds = this.#progress.seconds;
    output.message({
      message_type: "summary",
      seconds_elapsed: Math.floor(seconds) || undefined,
      total_files: total || undefined,
      files_restored: done || undefined,
      files_skipped: unchanged || undefined,
      files_deleted: deleted || undefined,
      total_bytes: totalBytes || undefined,
      bytes_restored: bytes || undefined,
      bytes_skipped: unchangedBytes || undefined,
      ...trafficFields(this.#context),
    });
    const time = formatSeconds(seconds);
    const isComplete = files === totalFiles && bytes === totalBytes;
    const restored = isComplete
      ? `${done} files/dirs (${formatSize(bytes)})`
      : `${done} / ${total} files/dirs (${formatSize(bytes)} / ${formatSize(totalBytes)})`;
    const parts = [
      `Summary: Restored ${restored} in ${time}`,
      ...(unchanged > 0 ? [`skipped ${unchanged} files/dirs ${formatSize(unchangedBytes)}`] : []),
      ...(deleted > 0 ? [`deleted ${deleted} files/dirs`] : []),
    ];
    output.say(parts.join(", "));
  }
}

/** Sizes are told of what has contents, and of all that is unchanged. */
function describeItem({
  action,
  type,
  path,
  size,
}: Extract<RestoreNotice, { kind: "item" }>): string {
  const hasSize = action === "unchanged" || (type === "file" && action !== "deleted");
  return `${action.padEnd(9)} ${path}${hasSize ? ` with size ${formatSize(size)}` : ""}`;
}

/** The fields of restic's status message; what is zero is left out. */
function statusFields(
  state: ProgressState & Partial<RestoreProgressNotice>,
  seconds: number,
): object {
  return {
    seconds_elapsed: Math.floor(seconds) || undefined,
    percent_done: progressShare(state),
    total_files: state.totalFiles || undefined,
    files_restored: state.filesDone || undefined,
    files_skipped: state.unchanged || undefined,
    files_deleted: state.deleted || undefined,
    total_bytes: state.totalBytes || undefined,
    bytes_restored: state.bytesDone || undefined,
    bytes_skipped: state.unchangedBytes || undefined,
  };
}
