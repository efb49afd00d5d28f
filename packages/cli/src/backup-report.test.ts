import { expect, test } from "vitest";
import type { BackupSummary } from "@tsbak/core";
import { BackupReport } from "./backup-report.ts";
import type { Context } from "./context.ts";
import { Output } from "./output.ts";

const SUMMARY: BackupSummary = {
  filesNew: 1,
  filesChanged: 2,
  filesUnmodified: 3,
  dirsNew: 4,
  dirsChanged: 5,
  dirsUnmodified: 6,
  dataBlobs: 7,
  treeBlobs: 8,
  dataAdded: 2013,
  dataAddedPacked: 1314,
  totalFilesProcessed: 6,
  totalBytesProcessed: 5000,
  errors: 0,
  unstable: 0,
  snapshot: undefined,
  tree: "",
  parent: undefined,
  startedAt: "2026-11-20T23:23:34.2Z",
  endedAt: "2026-11-20T23:23:35.2Z",
};

function printed(json: boolean, isDryRun: boolean): string {
  const pieces: string[] = [];
  const stream = { isTTY: false, write: (text: string) => pieces.push(text) > 0 };
  const stdout = stream as unknown as NodeJS.WriteStream;
  const output = new Output({ json, verbosity: 1, stdout, stderr: stdout });
  const { signal } = new AbortController();
  const atEnd = (): void => undefined;
  const context: Context = { globals: {}, environment: {}, output, signal, atEnd, traffic: [] };
  const report = new BackupReport(context);
  report.printSummary(SUMMARY, isDryRun);
  report.stop();
  output.close();
  return pieces.join("");
}

test("BackupReport prints the summary in restic's words", () => {
  expect(printed(false, true)).toBe(
    [
      "",
      "Files:           1 new,     2 changed,     3 unmodified",
      "Dirs:            4 new,     5 changed,     6 unmodified",
      "Would add to the repository: 1.966 KiB (1.283 KiB stored)",
      "",
      "processed 6 files, 4.883 KiB in 0:00",
      "",
    ].join("\n"),
  );
});

test("BackupReport prints restic's summary message, without an id if there is no snapshot", () => {
  const message = JSON.parse(printed(true, true)) as object;

  expect(message).toMatchObject({
    message_type: "summary",
    dry_run: true,
    files_new: 1,
    dirs_unmodified: 6,
    data_added: 2013,
    data_added_packed: 1314,
    total_files_processed: 6,
    backup_start: SUMMARY.startedAt,
  });
  expect(message).not.toHaveProperty("snapshot_id");
});
