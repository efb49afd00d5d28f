import {
  parseSubset,
  TsbakError,
  startVerifyWorkers,
  verify,
  type VerifyEvent,
  type VerifyOptions,
  type VerifyProblem,
  type VerifyReport,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount, formatSize } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import { collectSeldom, keepMemorySmall } from "../small-memory.ts";
import { formatHead, progressInterval } from "../progress-line.ts";
import { TimedStatus } from "../timed-status.ts";
import { trafficFields } from "../traffic-report.ts";
import { reportWait } from "../with-lock.ts";

/** Flags of `verify`. */
export interface VerifyFlags {
  readonly readData?: boolean;
  readonly readDataSubset?: string;
}

/** `verify`, restic's `check`: look for damage. Any makes the exit code 1. */
export async function runVerify(
  context: Context,
  _args: readonly string[],
  flags: VerifyFlags,
): Promise<ExitCode> {
  const readData = dataToRead(flags);
  keepMemorySmall();
  collectSeldom();
  // They load their code while the key is derived from the password.
  const workers = startVerifyWorkers();
  try {
    return await verifyRepository(context, { readData, workers });
  } finally {
    await workers.close();
  }
}

async function verifyRepository(context: Context, options: VerifyOptions): Promise<ExitCode> {
  const { globals, output, environment, signal } = context;
  // What is really stored is to be verified, not what a cache remembers of it.
  const repository = await openNamedRepository(context, { cache: false });
  const status = new TimedStatus(output, progressInterval(output, environment));
  let report: VerifyReport;
  try {
    report = await verify(repository, {
      ...options,
      noLock: globals.lock === false,
      lock: {
        retryMs: globals.retryLock,
        onWait: (error, waitMs) => reportWait(context, error.message, waitMs),
      },
      signal,
      onEvent: (event) => status.show((seconds) => describeEvent(event, seconds)),
    });
  } finally {
    status.stop();
  }
  printReport(context, report);
  if (report.errors.length === 0) return EXIT.ok;
  throw new TsbakError(
    "corrupt",
    `The repository is damaged: ${formatCount(report.errors.length, "error")}; they are listed above`,
  );
}

function dataToRead(flags: VerifyFlags): VerifyOptions["readData"] {
  if (flags.readDataSubset === undefined) return flags.readData;
  if (flags.readData !== true) return { subset: parseSubset(flags.readDataSubset) };
  throw new TsbakError(
    "invalid-argument",
    "Cannot verify: --read-data and --read-data-subset were given; use one of them",
  );
}

function describeEvent(event: VerifyEvent, seconds: number): string {
  const { bytesDone, bytesTotal, treesDone, treesTotal, packsDone, packsTotal } = event;
  const share = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
  const left = seconds >= 2 && share > 0 ? (seconds * (1 - share)) / share : undefined;
  const parts = [
    `${treesDone} / ${treesTotal} trees`,
    packsTotal > 0 ? `${packsDone} / ${packsTotal} packs` : "",
    `${formatSize(bytesDone, 1)} / ${formatSize(bytesTotal, 1)}`,
    seconds >= 1 ? `${formatSize(Math.round(bytesDone / seconds), 1)}/s` : "",
  ];
  return `${formatHead(seconds, share, left)}  ${parts.filter((part) => part !== "").join(", ")}`;
}

function printReport(context: Context, report: VerifyReport): void {
  const { output } = context;
  for (const problem of report.errors) {
    const lines = describeProblem(problem);
    output.warnMessage(lines.join("\n"), { message_type: "error", message: lines.join("; ") });
  }
  for (const hint of report.hints) {
    output.say(`hint: ${hint.message} (${formatCount(hint.packs.length, "pack")})`);
  }
  output.message({
    message_type: "summary",
    num_errors: report.errors.length,
    broken_packs: report.damagedPacks.length === 0 ? null : report.damagedPacks,
    suggest_repair_index: report.suggestRepairIndex,
    suggest_prune: report.suggestPrune,
    ...trafficFields(context),
  });
  const { snapshots, packs, blobs, trees, packsRead, bytesRead } = report.counts;
  output.say(
    `checked ${formatCount(snapshots, "snapshot")}, ${formatCount(trees, "tree")}, ${formatCount(blobs, "blob")}, ${formatCount(packs, "pack")}`,
  );
  if (packsRead > 0)
    output.say(`read ${formatCount(packsRead, "pack")} in full, ${formatSize(bytesRead)}`);
  if (report.errors.length === 0) output.say("no errors were found");
}

/** A problem, and below it what cannot be restored because of it. */
function describeProblem({ message, affected, affectedCount }: VerifyProblem): string[] {
  const places = affected.map(
    ({ snapshot, path }) => `  snapshot ${snapshot.slice(0, 8)}: ${path}`,
  );
  const rest = affectedCount - affected.length;
  return [`error: ${message}`, ...places, ...(rest > 0 ? [`  and ${rest} more`] : [])];
}
