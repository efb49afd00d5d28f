import {
  mirror,
  TsbakError,
  type MirroredKind,
  type MirrorEvent,
  type MirrorReport,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import type { ExitCode } from "../exit-codes.ts";
import { formatCount, formatSize } from "../format-text.ts";
import { openNamedBackend, openOtherRepository } from "../open-repository.ts";
import type { FromFlags } from "../options.ts";
import { formatHead, progressInterval } from "../progress-line.ts";
import {
  reportRetention,
  reportUnwanted,
  retentionCode,
  retentionFields,
  retentionOf,
  type RetentionFlags,
} from "../retention.ts";
import { TimedStatus } from "../timed-status.ts";
import { trafficFields } from "../traffic-report.ts";
import { lockWaiting } from "../with-lock.ts";

/** Flags of `mirror`. */
export interface MirrorFlags extends FromFlags, RetentionFlags {
  readonly heal?: boolean;
  readonly delete?: boolean;
  readonly unsafeAllowRemoveAll?: boolean;
  readonly dryRun?: boolean;
}

const NOUNS: Readonly<Record<MirroredKind, readonly [one: string, many: string]>> = {
  config: ["config", "configs"],
  key: ["key", "keys"],
  pack: ["pack", "packs"],
  index: ["index file", "index files"],
  snapshot: ["snapshot", "snapshots"],
};

/** `mirror`: bring a second place of the same repository up to date, file by file. */
export async function runMirror(
  context: Context,
  _args: readonly string[],
  flags: MirrorFlags,
): Promise<ExitCode> {
  const { globals, output, environment, signal } = context;
  const target = await openNamedBackend(context);
  // Files are compared with their names where they really are, so no cache may stand in for the source.
  const source = await openOtherRepository(context, flags, { cache: false, sharesPassword: true });
  const status = new TimedStatus(output, progressInterval(output, environment));
  let report: MirrorReport;
  try {
    report = await mirror(source, target, {
      heal: flags.heal,
      delete: flags.delete,
      retention: retentionOf(context, flags, { id: source.id }),
      prune: flags.prune,
      allowRemoveAll: flags.unsafeAllowRemoveAll,
      dryRun: flags.dryRun,
      noLock: globals.lock === false,
      lock: lockWaiting(context),
      signal,
      onEvent: (event) => status.show((seconds) => describeEvent(event, seconds)),
    });
  } finally {
    status.stop();
  }
  printReport(context, report, flags, source.id);
  if (report.problems.length === 0) return retentionCode(report.retention);
  throw new TsbakError(
    "corrupt",
    `The mirror is not whole: ${formatCount(report.problems.length, "problem")}; see above`,
  );
}

function describeEvent(event: MirrorEvent, seconds: number): string {
  const { phase, filesDone, filesTotal, bytesDone, bytesTotal } = event;
  const share = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
  const left = seconds >= 2 && share > 0 ? (seconds * (1 - share)) / share : undefined;
  const files = `${filesDone} / ${filesTotal} files`;
  const bytes = `${formatSize(bytesDone, 1)} / ${formatSize(bytesTotal, 1)}`;
  return `${formatHead(seconds, share, left)}  ${phase}: ${files}, ${bytes}`;
}

function printReport(
  context: Context,
  report: MirrorReport,
  flags: MirrorFlags,
  sourceId: string,
): void {
  const { output } = context;
  for (const { message } of report.problems) {
    output.warnMessage(`error: ${message}`, { message_type: "error", message });
  }
  const would = flags.dryRun === true ? "would be " : "";
  for (const { side, file } of report.healed) {
    output.say(
      `${would}healed: ${NOUNS[file.kind as MirroredKind][0]} ${file.name} of the ${side}`,
    );
  }
  for (const id of report.newSnapshots) output.say(`snapshot ${id.slice(0, 8)} ${would}mirrored`);
  for (const id of report.deletedSnapshots) {
    output.say(`snapshot ${id.slice(0, 8)} ${would}deleted on the target`);
  }
  output.say(sentence(`${would}copied`, report.copied) ?? "nothing is new");
  reportUnwanted(context, report.unwanted);
  reportRetention(context, flags, sourceId, report.retention);
  const deleted = sentence(`${would}deleted`, report.deleted);
  if (deleted !== undefined) output.say(deleted);
  sayStrays(context, report, flags);
  output.message(summaryOf(context, report, flags));
}

function sayStrays({ output }: Context, report: MirrorReport, flags: MirrorFlags): void {
  if (report.onlyOnTarget === 0) return;
  const files = formatCount(report.onlyOnTarget, "file");
  const snapshots = formatCount(report.snapshotsOnlyOnTarget.length, "snapshot");
  const what = `only the target has ${files}, ${snapshots} among them`;
  if (report.retention !== undefined) return output.say(what, 2);
  if (flags.delete === true || report.unwanted.length > 0)
    output.warn(`${what}: nothing is deleted while there are problems`);
  else output.say(`${what}; --delete removes them`);
}

function sentence(verb: string, counts: MirrorReport["copied"]): string | undefined {
  const kinds = Object.keys(NOUNS) as MirroredKind[];
  const parts = kinds
    .filter((kind) => counts[kind].files > 0)
    .map((kind) => formatCount(counts[kind].files, ...NOUNS[kind]));
  if (parts.length === 0) return undefined;
  const bytes = kinds.reduce((sum, kind) => sum + counts[kind].bytes, 0);
  return `${verb}: ${parts.join(", ")}, ${formatSize(bytes)}`;
}

function summaryOf(
  context: Context,
  report: MirrorReport,
  flags: MirrorFlags,
): Record<string, unknown> {
  return {
    message_type: "summary",
    copied: report.copied,
    deleted: report.deleted,
    new_snapshots: report.newSnapshots,
    deleted_snapshots: report.deletedSnapshots,
    only_on_target: report.onlyOnTarget,
    snapshots_only_on_target: report.snapshotsOnlyOnTarget,
    ...retentionFields(report.retention, report.unwanted.length),
    healed: report.healed.map(({ side, file }) => ({ side, ...file })),
    num_errors: report.problems.length,
    ...(flags.dryRun === true ? { dry_run: true } : {}),
    ...trafficFields(context),
  };
}
