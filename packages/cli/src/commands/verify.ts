import {
  parseReadBudget,
  parseSubset,
  TsbakError,
  startVerifyWorkers,
  verify,
  type VerifyEvent,
  type VerifyOptions,
  type VerifyPool,
  type VerifyReport,
} from "@tsbak/core";
import { chooseToVerify } from "../choose-to-verify.ts";
import type { Context } from "../context.ts";
import { runDrill, wantsDrill, type DrillFlags } from "../drill-run.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount, formatSize } from "../format-text.ts";
import { LateWorkers } from "../late-workers.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { formatHead, progressInterval } from "../progress-line.ts";
import { TimedStatus } from "../timed-status.ts";
import { collectSeldom, keepMemorySmall, optimizeLate } from "../v8-flags.ts";
import { printVerifyReport } from "../verify-report.ts";
import { lockWaiting, orSayNoLock } from "../with-lock.ts";

/** Flags of `verify`. */
export interface VerifyFlags extends DrillFlags, FilterFlags {
  readonly readData?: boolean;
  readonly readDataSubset?: string;
  readonly readDataBudget?: string;
}

/** `verify`, restic's `check`: look for damage. Any makes the exit code 1. */
export async function runVerify(
  context: Context,
  ids: readonly string[],
  flags: VerifyFlags,
): Promise<ExitCode> {
  const readData = dataToRead(flags);
  const snapshots = chooseToVerify(context, ids, flags);
  keepMemorySmall();
  optimizeLate();
  collectSeldom();
  const workers = new LateWorkers(startVerifyWorkers);
  try {
    return await verifyRepository(context, { readData, snapshots }, workers, flags);
  } finally {
    await workers.close();
  }
}

async function verifyRepository(
  context: Context,
  options: VerifyOptions,
  workers: LateWorkers<VerifyPool>,
  flags: DrillFlags,
): Promise<ExitCode> {
  const { globals, output, environment, signal } = context;
  // What is really stored is to be verified, not what a cache remembers of it.
  const repository = await openNamedRepository(context, {
    cache: false,
    locks: true,
    index: true,
    packs: options.readData === true && options.snapshots === undefined,
    onDerive: workers.start,
  });
  const status = new TimedStatus(output, progressInterval(output, environment));
  let report: VerifyReport;
  try {
    report = await orSayNoLock(lockWaiting(context), (lock) =>
      verify(repository, {
        ...options,
        workers: workers.pool,
        noLock: globals.lock === false,
        lock,
        signal,
        onEvent: (event) => status.show((seconds) => describeEvent(event, seconds)),
      }),
    );
  } finally {
    status.stop();
  }
  printVerifyReport(context, report);
  const drillErrors = wantsDrill(flags)
    ? await runDrill(context, repository, { ...flags, snapshots: options.snapshots })
    : 0;
  if (report.errors.length === 0 && drillErrors === 0) return EXIT.ok;
  if (report.errors.length === 0) {
    throw new TsbakError(
      "corrupt",
      `The drill failed: ${formatCount(drillErrors, "error")}; they are listed above`,
    );
  }
  throw new TsbakError(
    "corrupt",
    `The repository is damaged: ${formatCount(report.errors.length, "error")}; they are listed above`,
  );
}

function dataToRead({
  readData,
  readDataSubset: subset,
  readDataBudget: budget,
}: VerifyFlags): VerifyOptions["readData"] {
  const given = [
    readData === true ? "--read-data" : undefined,
    subset === undefined ? undefined : "--read-data-subset",
    budget === undefined ? undefined : "--read-data-budget",
  ].filter((flag) => flag !== undefined);
  if (given.length > 1) {
    throw new TsbakError(
      "invalid-argument",
      `Cannot verify: ${given.join(" and ")} were given; use one of them`,
    );
  }
  if (subset !== undefined) return { subset: parseSubset(subset) };
  return budget === undefined ? readData : { budget: parseReadBudget(budget) };
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
