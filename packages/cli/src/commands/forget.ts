import {
  describePolicy,
  forgetSnapshots,
  isEmptyPolicy,
  planForget,
  TsbakError,
  type ForgetGroup,
  type KeepPolicy,
  type Repository,
  type SnapshotEntry,
} from "@tsbak/core";
import { AcceptedShrinks } from "../accepted-shrinks.ts";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import {
  describeRemoval,
  forgetJson,
  idSetText,
  printForgetGroup,
  warnOfGroup,
  warnOfGuards,
} from "../forget-report.ts";
import { formatSeconds } from "../format-text.ts";
import {
  acceptShrinks,
  askAboutMany,
  planOptions,
  policyOf,
  type GuardFlags,
  type KeepFlags,
} from "../keep-policy.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { snapshotFilter } from "../snapshot-filter.ts";
import { keepMemorySmallest } from "../v8-flags.ts";
import { withLock } from "../with-lock.ts";
import { pruneRepository, type SharedPruneFlags } from "./prune.ts";

/** Flags of `forget`. */
export interface ForgetFlags extends FilterFlags, SharedPruneFlags, KeepFlags, GuardFlags {
  readonly compact?: boolean;
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly unsafeAllowRemoveAll?: boolean;
}

/** `forget`: remove snapshots by a policy, or those named. */
export async function runForget(
  context: Context,
  args: readonly string[],
  flags: ForgetFlags,
): Promise<ExitCode> {
  refuseUnlocked(context, flags);
  if (flags.prune === true) keepMemorySmallest();
  const repository = await openNamedRepository(context, { locks: true });
  const wish = { exclusive: true, readOnly: flags.dryRun === true };
  const outcome = await withLock(context, repository, wish, async (signal) => {
    const run = { context, repository, flags, signal };
    const entries = await selectSnapshots(context, repository, args, { flags, signal });
    if (args.length === 0) return forgetByPolicy(run, entries);
    return { ...(await remove(run, entries)), isHeldBack: false };
  });
  if (outcome.failed.length > 0) return EXIT.incomplete;
  // It takes locks of its own, which backups go on beside.
  if (flags.prune === true && outcome.removed.length > 0) {
    await pruneAfter(context, repository, flags, outcome.removed);
  }
  return outcome.isHeldBack ? EXIT.incomplete : EXIT.ok;
}

/** What became of the snapshots: their ids; in a dry run those that would be removed. */
interface Outcome {
  readonly removed: readonly string[];
  readonly failed: readonly string[];
  /** Some that the policy does not keep are kept, because their group shrank. */
  readonly isHeldBack: boolean;
}

async function pruneAfter(
  context: Context,
  repository: Repository,
  flags: ForgetFlags,
  removed: readonly string[],
): Promise<void> {
  const dryRun = flags.dryRun === true;
  context.output.say(
    dryRun
      ? `${removed.length} snapshots would be removed, running prune dry run`
      : `${removed.length} snapshots have been removed, running prune`,
  );
  // With a grace their data stays.
  const ignoreSnapshots = dryRun && flags.grace === 0 ? new Set(removed) : undefined;
  await pruneRepository(context, repository, flags, { dryRun, ignoreSnapshots });
}

/** What every step is given. */
interface Run {
  readonly context: Context;
  readonly repository: Repository;
  readonly flags: ForgetFlags;
  readonly signal: AbortSignal;
}

async function forgetByPolicy(run: Run, entries: readonly SnapshotEntry[]): Promise<Outcome> {
  const { context, flags } = run;
  const { output } = context;
  const policy = policyOf(flags);
  refuseNoPolicy(context, flags, policy);
  output.say(`Applying Policy: ${describePolicy(policy)}`);
  const accepted = new AcceptedShrinks(run.repository.id, context.environment);
  const groups = planForget(entries, planOptions(policy, flags, accepted));
  for (const planned of groups) {
    printForgetGroup(context, planned, flags.compact === true);
    warnOfGuards(context, planned);
  }
  await refuseMany(run, groups);
  const outcome = await remove(
    run,
    groups.flatMap((planned) => planned.remove),
  );
  if (output.json && groups.length > 0) output.print(forgetJson(groups));
  if (flags.allowShrink === true && flags.dryRun !== true) {
    acceptShrinks(context, accepted, groups);
  }
  const isHeldBack = groups.some(({ isFrozen }) => isFrozen);
  return { ...outcome, isHeldBack };
}

function refuseUnlocked({ globals }: Context, { dryRun }: ForgetFlags): void {
  if (globals.lock !== false || dryRun === true) return;
  throw new TsbakError(
    "invalid-argument",
    "Cannot forget snapshots without a lock: --no-lock goes with --dry-run only",
  );
}

function refuseNoPolicy(context: Context, flags: ForgetFlags, policy: KeepPolicy): void {
  if (!isEmptyPolicy(policy)) return;
  if (flags.unsafeAllowRemoveAll !== true) {
    throw new TsbakError(
      "invalid-argument",
      "Cannot forget snapshots: no policy was specified, no snapshots will be removed; " +
        "give one, such as --keep-daily 7, or the ids of snapshots",
    );
  }
  const { hosts = [], tagLists = [], paths = [] } = snapshotFilter(flags, context.environment);
  if (hosts.length + tagLists.length + paths.length > 0) return;
  throw new TsbakError(
    "invalid-argument",
    "Cannot forget snapshots: --unsafe-allow-remove-all is not allowed unless a filter is given; " +
      "add --host, --tag or --path",
  );
}

/** @throws {TsbakError} `invalid-argument` if more is to be removed than the limit allows, and nobody says yes. */
async function refuseMany(
  { context, flags, signal }: Run,
  groups: readonly ForgetGroup[],
): Promise<void> {
  const large = groups.filter(({ isOverLimit }) => isOverLimit);
  if (large.length === 0) return;
  if (flags.dryRun !== true) return askAboutMany(context, large, { signal });
  for (const planned of large) {
    const line = describeRemoval(planned);
    warnOfGroup(context, planned, `${line}; without --dry-run this needs --max-forget 100%`);
  }
}

async function remove(
  run: Run,
  entries: readonly SnapshotEntry[],
): Promise<Pick<Outcome, "removed" | "failed">> {
  const { context, repository, flags, signal } = run;
  const { output } = context;
  const ids = entries.map(({ id }) => id);
  if (ids.length === 0) return { removed: [], failed: [] };
  if (flags.dryRun === true) {
    output.say("Would have removed the following snapshots:");
    output.say(`${idSetText(ids)}\n`);
    return { removed: ids, failed: [] };
  }
  const startMs = performance.now();
  const result = await forgetSnapshots(repository, ids, {
    graceMs: flags.grace,
    signal,
    onSnapshot: (id, error) => {
      if (error === undefined) return output.say(`removed snapshot/${id}`, 3);
      const message = `unable to remove snapshot/${id} from the repository: ${error.message}`;
      output.warnProblem(message, { message, during: "forget", item: id });
    },
  });
  const { removed } = result;
  const seconds = formatSeconds((performance.now() - startMs) / 1000);
  const percent = ((removed.length / ids.length) * 100).toFixed(2);
  output.say(`[${seconds}] ${percent}%  ${removed.length} / ${ids.length} files deleted`);
  if (result.trash === "unsupported") {
    output.say("This store takes only what restic has: they cannot be brought back by undelete");
  }
  return result;
}
