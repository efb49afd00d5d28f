import { randomBytes } from "node:crypto";
import { locationBelow } from "@tsbak/backends";
import { assessStore, TsbakError, type AssessmentStep, type StoreAssessment } from "@tsbak/core";
import { describeAssessment } from "../assessment-report.ts";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { namedLocation } from "../open-repository.ts";
import { openStoreFor } from "../open-store.ts";
import { trafficFields } from "../traffic-report.ts";

/** Flags of `repo-test`. */
export interface RepoTestFlags {
  /** Bytes. */
  readonly size?: number;
  readonly files?: number;
}

const LARGEST = 2 ** 30;

/**
 * `repo-test`: try out a store in a folder of its own below the location, which is removed in the end. Nothing of a
 * repository at the location is touched. The exit code is 1 if the store does not do what backups need.
 */
export async function runRepoTest(
  context: Context,
  args: readonly string[],
  flags: RepoTestFlags,
): Promise<ExitCode> {
  const { output, signal } = context;
  const { size, files } = flags;
  if (size !== undefined && (size < 1 || size > LARGEST))
    throw new TsbakError("invalid-argument", "Cannot try out a store: --size is from 1 to 1G");
  const name = `tsbak-test-${randomBytes(6).toString("hex")}`;
  const location = locationBelow(args[0] ?? (await namedLocation(context)), name);
  const store = await openStoreFor(context, location);
  let report: StoreAssessment;
  try {
    report = await assessStore(store, {
      largeSize: size,
      fileCount: files,
      signal,
      onStep: (step) => output.status([`trying out: ${STEPS[step]}`]),
    });
  } finally {
    output.status([]);
  }
  const isFit = report.checks.every(({ outcome }) => outcome !== "failed");
  if (output.json) printJson(context, report, isFit);
  else for (const line of describeAssessment(report)) output.print(line);
  return isFit ? EXIT.ok : EXIT.failure;
}

const STEPS: Readonly<Record<AssessmentStep, string>> = {
  "write-and-read": "writing and reading",
  "visible-at-once": "listing what was written",
  "whole-or-absent": "looking at a file while it is written",
  "create-only": "writing what is there",
  "one-winner": "writing the same at the same time",
  ranges: "reading parts",
  "empty-file": "an empty file",
  "missing-file": "a missing file",
  removal: "removing",
  "many-files": "listing many files",
  speed: "speed",
  "clean-up": "cleaning up",
};

function printJson(context: Context, report: StoreAssessment, isFit: boolean): void {
  const { latency, throughput, clock } = report;
  context.output.message({
    message_type: "summary",
    location: report.location,
    fit: isFit,
    connections: report.connections,
    checks: report.checks,
    latency_ms: latency ?? null,
    bytes_per_second:
      throughput === undefined
        ? null
        : {
            upload: Math.round(throughput.upload),
            download: Math.round(throughput.download),
            upload_at_once: Math.round(throughput.uploadAtOnce),
            download_at_once: Math.round(throughput.downloadAtOnce),
            at_once: throughput.atOnce,
          },
    clock_ahead_ms: clock?.aheadMs ?? null,
    clock_uncertainty_ms: clock?.uncertaintyMs ?? null,
    files_left_behind: report.leftBehind,
    folders_removed: report.foldersRemoved,
    ...trafficFields(context),
  });
}
