import {
  copySnapshots,
  TsbakError,
  type CopyEvent,
  type CopyReport,
  type Repository,
  type Retention,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { amountText, progressText, snapshotLine } from "../copy-text.ts";
import type { ExitCode } from "../exit-codes.ts";
import { formatCount } from "../format-text.ts";
import { openNamedRepository, openOtherRepository } from "../open-repository.ts";
import type { FilterFlags, FromFlags } from "../options.ts";
import { progressInterval } from "../progress-line.ts";
import {
  reportRetention,
  reportUnwanted,
  retentionCode,
  retentionFields,
  retentionOf,
  type RetentionFlags,
} from "../retention.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { snapshotFilter } from "../snapshot-filter.ts";
import { refuseCompression, storeSettings } from "../store-settings.ts";
import { TimedStatus } from "../timed-status.ts";
import { trafficFields } from "../traffic-report.ts";
import { keepMemorySmall } from "../v8-flags.ts";
import { lockWaiting } from "../with-lock.ts";
import { pruneRepository, type SharedPruneFlags } from "./prune.ts";

/** Flags of `copy`. */
export interface CopyFlags extends FromFlags, FilterFlags, RetentionFlags, SharedPruneFlags {}

/** `copy`: copy snapshots from the repository of `--from-repo`. */
export async function runCopy(
  context: Context,
  args: readonly string[],
  flags: CopyFlags,
): Promise<ExitCode> {
  const settings = storeSettings(context);
  keepMemorySmall();
  const source = await openOtherRepository(context, flags);
  const target = await openNamedRepository(context);
  refuseCompression(target, settings);
  noteChunkers(context, source, target);
  const retention = retentionWish(context, args, flags, target);
  const report = await copyTold(context, source, target, {
    select: (signal) => selectSnapshots(context, source, args, { flags, signal }),
    retention,
  });
  reportUnwanted(context, report.unwanted);
  reportRetention(context, flags, target.id, report.retention);
  context.output.message(summaryOf(context, report));
  if (flags.prune === true && (report.retention?.removed.length ?? 0) > 0) {
    await pruneRepository(context, target, flags, {});
  }
  if (report.failed.length === 0) return retentionCode(report.retention);
  throw new TsbakError(
    "corrupt",
    `${formatCount(report.failed.length, "snapshot")} could not be copied; the reasons are above`,
  );
}

/** @throws {TsbakError} `invalid-argument` together with ids: what was not named would count as gone. */
function retentionWish(
  context: Context,
  ids: readonly string[],
  flags: CopyFlags,
  target: Repository,
): Retention | undefined {
  const filter = snapshotFilter(flags, context.environment);
  const retention = retentionOf(context, flags, { id: target.id, filter });
  if (retention === undefined || ids.length === 0) return retention;
  throw new TsbakError(
    "invalid-argument",
    "Cannot apply a policy to snapshots that are named: leave the ids or the --keep-* flags away",
  );
}

/** Copy, as flags and environment say, and tell about it as restic does. */
export async function copyTold(
  context: Context,
  source: Repository,
  target: Repository,
  options: Pick<
    Parameters<typeof copySnapshots>[2] & object,
    "select" | "exclusiveSource" | "retention"
  >,
): Promise<CopyReport> {
  const { globals, output, environment, signal } = context;
  const status = new TimedStatus(output, progressInterval(output, environment));
  let hasSaved = false;
  const onEvent = (event: CopyEvent): void => {
    if (event.type === "progress") return status.show((seconds) => progressText(event, seconds));
    status.stop();
    if (event.type === "saved" && !hasSaved) output.say("");
    hasSaved = event.type === "saved";
    tell(context, event);
  };
  try {
    return await copySnapshots(source, target, {
      ...storeSettings(context),
      ...options,
      noSourceLock: globals.lock === false,
      lock: lockWaiting(context),
      signal,
      onEvent,
    });
  } finally {
    status.stop();
  }
}

function tell({ output }: Context, event: Exclude<CopyEvent, { type: "progress" }>): void {
  const id = event.source.id;
  const short = id.slice(0, 8);
  if (event.type === "started") {
    output.say(`\n${snapshotLine(event.source)}`);
    output.say("  copy started, this may take a while...");
    output.say(amountText(event), 2);
  } else if (event.type === "skipped") {
    const copy = event.copy.id.slice(0, 8);
    output.say(`\n${snapshotLine(event.source)}`, 2);
    output.say(`skipping source snapshot ${short}, was already copied to snapshot ${copy}`, 2);
  } else if (event.type === "unwanted") {
    output.say(`\n${snapshotLine(event.source)}`, 2);
    output.say(`skipping source snapshot ${short}, the target would not keep it`, 2);
  } else if (event.type === "saved") {
    output.say(`snapshot ${event.copy.id.slice(0, 8)} saved, copied from source snapshot ${short}`);
    output.message({
      message_type: "copied",
      source_snapshot_id: id,
      snapshot_id: event.copy.id,
    });
  } else {
    const message = `snapshot ${short} is left out: ${event.error.message}`;
    output.warnMessage(`error: ${message}`, { message_type: "error", message });
  }
}

function summaryOf(context: Context, report: CopyReport): Record<string, unknown> {
  return {
    message_type: "summary",
    snapshots_copied: report.copied.length,
    snapshots_skipped: report.skipped.length,
    snapshots_failed: report.failed.length,
    blobs_copied: report.blobs,
    bytes_copied: report.bytes,
    ...retentionFields(report.retention, report.unwanted.length),
    ...trafficFields(context),
  };
}

/** Whoever cuts files in another way finds nothing of a file that both back up. */
function noteChunkers({ output }: Context, source: Repository, target: Repository): void {
  const isSame =
    source.config.chunker === target.config.chunker &&
    source.config.chunkerPolynomial === target.config.chunkerPolynomial;
  if (isSame) return;
  output.say(
    `The two repositories cut files differently: what is backed up to both is stored twice. "tsbak init --from-repo ... --copy-chunker-params" makes one that cuts alike.`,
    2,
  );
}
