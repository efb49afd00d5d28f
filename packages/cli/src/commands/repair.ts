import {
  findByPrefix,
  keepCopy,
  repairIndex,
  repairPacks,
  TsbakError,
  type ExclusiveOptions,
  type RepairIndexEvent,
  type RepairPacksEvent,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import { formatHead, progressInterval } from "../progress-line.ts";
import { TimedStatus } from "../timed-status.ts";
import { reportWait } from "../with-lock.ts";

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
    onEvent: (event) => reportIndexEvent(context, event, status),
  }).finally(() => status.stop());
  if (summary.indexesRemoved === 0 && summary.packsAdded.length === 0) {
    output.say("the index is true to the packs, nothing was changed");
  }
  output.say("done");
  output.message({
    message_type: "summary",
    packs_added: summary.packsAdded,
    packs_missing: summary.packsMissing,
    packs_reread: summary.packsReread,
    packs_damaged: summary.packsDamaged,
    packs_unknown: summary.packsUnknown,
    indexes_damaged: summary.indexesDamaged,
    indexes_removed: summary.indexesRemoved,
  });
  if (summary.packsDamaged.length > 0) {
    output.warnMessage(
      ...asMessage(
        `\nThe headers of ${formatCount(summary.packsDamaged.length, "pack")} cannot be read. What the index said of them was kept; ` +
          `save what they hold by "tsbak repair packs ${summary.packsDamaged.join(" ")}"`,
      ),
    );
  }
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
    onEvent: (event) => reportPacksEvent(context, event, status),
  }).finally(() => status.stop());
  const unread = summary.packs.reduce((sum, pack) => sum + pack.unread.length, 0);
  output.say(
    `saved ${formatCount(summary.blobsSaved, "blob")}, ${formatCount(unread, "blob")} could not be read`,
  );
  output.message({
    message_type: "summary",
    packs: summary.packs.map(({ name, saved, unread }) => ({
      id: name,
      blobs_saved: saved,
      blobs_unread: unread.map(({ type, id }) => ({ type, id })),
    })),
    blobs_saved: summary.blobsSaved,
    packs_left: summary.packsLeft,
  });
  if (unread > 0) {
    output.warnMessage(
      ...asMessage(
        '\nUse "tsbak doctor" to look for what was lost in other places. If there is none, ' +
          '"tsbak repair snapshots --forget" removes it from all snapshots',
      ),
    );
  }
  return EXIT.ok;
}

function exclusiveOptions(context: Context): ExclusiveOptions {
  return {
    signal: context.signal,
    lock: {
      retryMs: context.globals.retryLock,
      onWait: (error, waitMs) => reportWait(context, error.message, waitMs),
    },
  };
}

/** In restic's words where it has them. */
function reportIndexEvent({ output }: Context, event: RepairIndexEvent, status: TimedStatus): void {
  switch (event.kind) {
    case "progress":
      return showProgress(status, event);
    case "index-damaged":
      return output.warnMessage(
        ...asMessage(`removing invalid index ${event.name}: ${event.reason}`),
      );
    case "pack-added":
      return output.warnMessage(...asMessage(`adding pack file to index ${event.name}`));
    case "pack-missing":
      return output.warnMessage(...asMessage(`removing not found pack file ${event.name}`));
    case "pack-reread": {
      const { name, size, expectedSize } = event;
      const why =
        size === expectedSize
          ? "that index files list in different ways"
          : `with unexpected size ${size} instead of ${expectedSize}`;
      return output.warnMessage(...asMessage(`reindexing pack file ${name} ${why}`));
    }
    case "pack-unreadable": {
      const kept = event.isListed ? "what the index says of it is kept" : "it is left alone";
      return output.warnMessage(
        ...asMessage(`cannot read the header of pack file ${event.name}, ${kept}: ${event.reason}`),
      );
    }
  }
}

function reportPacksEvent({ output }: Context, event: RepairPacksEvent, status: TimedStatus): void {
  if (event.kind === "progress") return showProgress(status, event);
  if (event.kind === "pack-left") {
    return output.warnMessage(
      ...asMessage(
        `pack ${event.name} cannot be read as a whole, so that no copy could be kept; it is left where it is: ${event.reason}`,
      ),
    );
  }
  const { name, saved, unread } = event.pack;
  if (saved + unread.length === 0)
    output.warnMessage(...asMessage(`no blobs found for pack ${name}`));
  for (const { type, id, reason } of unread) {
    output.warnMessage(...asMessage(`failed to load ${type} blob ${id}: ${reason}`));
  }
}

const PHASES = {
  "packs-read": "packs",
  "packs-salvaged": "pack files",
  "indexes-written": "indexes processed",
  "indexes-removed": "old indexes deleted",
  "packs-removed": "files deleted",
} as const;

function showProgress(
  status: TimedStatus,
  { phase, done, total }: { phase: keyof typeof PHASES; done: number; total: number },
): void {
  status.show(
    (seconds) =>
      `${formatHead(seconds, done / total, undefined)}  ${done} / ${total} ${PHASES[phase]}`,
  );
}

function asMessage(line: string): [string, Readonly<Record<string, unknown>>] {
  return [line, { message_type: "error", message: line.trim() }];
}
