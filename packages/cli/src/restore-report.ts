import type { RestoreNotice, RestoreSummary } from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatSeconds, formatSize } from "./format-text.ts";
import { ProgressLine, progressShare, type ProgressState } from "./progress-line.ts";

/** Tells people, or programs, what a restore does and what came of it, in restic's words. */
export class RestoreReport {
  readonly #context: Context;
  readonly #progress: ProgressLine;

  constructor(context: Context) {
    this.#context = context;
    this.#progress = new ProgressLine(context, statusFields);
  }

  note(notice: RestoreNotice): void {
    const { output } = this.#context;
    switch (notice.kind) {
      case "progress":
        return this.#progress.update(notice);
      case "item": {
        const { path, size, type } = notice;
        output.message({ message_type: "verbose_status", action: "restored", item: path, size });
        return output.say(`restored  ${path}${type === "file" ? `, ${formatSize(size)}` : ""}`, 3);
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
    const { files, directories, others, bytes, totalFiles, totalBytes, skipped } = summary;
    const done = files + directories + others;
    const total = totalFiles + directories + others;
    const seconds = this.#progress.seconds;
    output.message({
      message_type: "summary",
      seconds_elapsed: Math.floor(seconds) || undefined,
      total_files: total || undefined,
      files_restored: done || undefined,
      files_skipped: skipped || undefined,
      total_bytes: totalBytes || undefined,
      bytes_restored: bytes || undefined,
    });
    const time = formatSeconds(seconds);
    const isComplete = files === totalFiles && bytes === totalBytes;
    output.say(
      isComplete
        ? `Summary: Restored ${done} files/dirs (${formatSize(bytes)}) in ${time}`
        : `Summary: Restored ${done} / ${total} files/dirs (${formatSize(bytes)} / ${formatSize(totalBytes)}) in ${time}`,
    );
  }
}

/** The fields of restic's status message; what is zero is left out. */
function statusFields(state: ProgressState, seconds: number): object {
  return {
    seconds_elapsed: Math.floor(seconds) || undefined,
    percent_done: progressShare(state),
    total_files: state.totalFiles || undefined,
    files_restored: state.filesDone || undefined,
    total_bytes: state.totalBytes || undefined,
    bytes_restored: state.bytesDone || undefined,
  };
}
