import { findByPrefix, keepCopy, repairIndex, repairPacks, TsbakError } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import { progressInterval } from "../progress-line.ts";
import { reportIndexEvent, reportPacksEvent, warn } from "../repair-progress.ts";
import { TimedStatus } from "../timed-status.ts";
import { exclusiveOptions } from "../with-lock.ts";

/** Flags of `repair index`. */
export interface RepairIndexFlags {
  readonly readAllPacks?: boolean;
}

/** Flags of `repair packs`. */
export interface RepairPacksFlags {
  readonly keepIn?: string;
}

/** `repair index`: make the index true to the packs that are there. */
export async function runRepairIndex(
  context: Context,
  _args: readonly string[],
  { readAllPacks }: RepairIndexFlags,
): Promise<ExitCode> {
  const { output } = context;
  // What is really stored counts, not what a cache remembers of it.
  const repository = await openNamedRepository(context, { cache: false });
  const status = new TimedStatus(output, progressInterval(output, context.environment));
  output.say("loading indexes...");
  const summary = await repairIndex(repository, {
    ...exclusiveOptions(context),
    readAllPacks,
    onEvent: (event) => reportIndexEvent(output, event, status),
  }).finally(() => status.stop());
  if (summary.indexesRemoved === 0 && summary.packsAdded.length === 0) {
    output.say("the index is true to the packs, nothing was changed");
  }
  const { packsDamaged } = summary;
  if (packsDamaged.length > 0) {
    const packs = formatCount(packsDamaged.length, "pack");
    const advice = `save what they hold by "tsbak repair packs ${packsDamaged.join(" ")}"`;
    warn(output, `the headers of ${packs} cannot be read; ${advice}`);
  }
  output.say("done");
  output.message({
    message_type: "summary",
    packs_added: summary.packsAdded,
    packs_missing: summary.packsMissing,
    packs_reread: summary.packsReread,
    packs_damaged: packsDamaged,
    packs_unknown: summary.packsUnknown,
    indexes_damaged: summary.indexesDamaged,
    indexes_removed: summary.indexesRemoved,
  });
  return EXIT.ok;
}

/** `repair packs`: save what can be read of damaged packs. */
export async function runRepairPacks(
  context: Context,
  args: readonly string[],
  { keepIn = "." }: RepairPacksFlags,
): Promise<ExitCode> {
  const { output } = context;
  if (args.length === 0) {
    throw new TsbakError(
      "invalid-argument",
      'Cannot repair packs: no ids were given; "tsbak verify --read-data" tells which are damaged',
    );
  }
  const repository = await openNamedRepository(context, { cache: false });
  const present = await repository.listNames("pack", { signal: context.signal });
  const names = args.map((prefix) => findByPrefix(present, prefix, "pack"));
  const status = new TimedStatus(output, progressInterval(output, context.environment));
  output.say("salvaging intact data from specified pack files");
  const summary = await repairPacks(repository, names, {
    ...exclusiveOptions(context),
    keepAside: async ({ name }, bytes) => {
      output.say(`saved a copy as ${keepCopy(keepIn, `pack-${name}`, bytes)}`);
    },
    onEvent: (event) => reportPacksEvent(output, event, status),
  }).finally(() => status.stop());
  const unread = summary.packs.reduce((sum, pack) => sum + pack.unread.length, 0);
  const blobs = formatCount(summary.blobsSaved, "blob");
  output.say(unread === 0 ? `saved ${blobs}` : `saved ${blobs}, ${unread} could not be read`);
  output.say('run "tsbak doctor" to see what is lost and to look for it in other places');
  output.message({
    message_type: "summary",
    packs: summary.packs.map((pack) => ({
      id: pack.name,
      blobs_saved: pack.saved,
      blobs_unread: pack.unread.map(({ type, id }) => ({ type, id })),
    })),
    blobs_saved: summary.blobsSaved,
    packs_left: summary.packsLeft,
  });
  return EXIT.ok;
}
