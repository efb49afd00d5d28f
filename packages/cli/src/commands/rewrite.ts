import { printablePath, rewriteSnapshots, TsbakError, type RewriteOptions } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { loadPatterns } from "../patterns.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { describeSnapshot, reportChange, reportChanges, sayKept } from "../snapshot-changes.ts";
import { refuseCompression, storeSettings } from "../store-settings.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `rewrite`. */
export interface RewriteFlags extends FilterFlags {
  readonly exclude?: readonly string[];
  readonly iexclude?: readonly string[];
  readonly excludeFile?: readonly string[];
  readonly iexcludeFile?: readonly string[];
  readonly include?: readonly string[];
  readonly iinclude?: readonly string[];
  readonly includeFile?: readonly string[];
  readonly iincludeFile?: readonly string[];
  readonly newHost?: string;
  /** RFC 3339. */
  readonly newTime?: string;
  readonly snapshotSummary?: boolean;
  readonly forget?: boolean;
  /** Milliseconds. */
  readonly grace?: number;
  readonly dryRun?: boolean;
}

/** `rewrite`: make new snapshots from old ones. */
export async function runRewrite(
  context: Context,
  ids: readonly string[],
  flags: RewriteFlags,
): Promise<ExitCode> {
  const { output } = context;
  const { forget = false, dryRun = false } = flags;
  const wish = await rewriteWish(context, flags);
  const settings = storeSettings(context);
  const repository = await openNamedRepository(context);
  refuseCompression(repository, settings);
  await withLock(context, repository, { exclusive: forget, dryRun }, async (signal) => {
    const snapshots = await selectSnapshots(context, repository, ids, { flags, signal });
    const changes = await rewriteSnapshots(repository, snapshots, {
      ...wish,
      ...settings,
      graceMs: flags.grace,
      signal,
      onSnapshot: (entry) => output.say(describeSnapshot(entry)),
      onMatch: (path) => output.say(`${matchVerb(wish)} ${printablePath(path)}`, 3),
      onChange: (change) => reportChange(output, change, dryRun),
    });
    reportChanges(output, changes.length, dryRun);
    if (changes.length > 0 && forget && !dryRun && flags.grace !== 0) sayKept(output);
  });
  return EXIT.ok;
}

async function rewriteWish(context: Context, flags: RewriteFlags): Promise<RewriteOptions> {
  const { environment } = context;
  const exclude = await loadPatterns(
    {
      patterns: flags.exclude,
      files: flags.excludeFile,
      ignoringCase: flags.iexclude,
      filesIgnoringCase: flags.iexcludeFile,
    },
    environment,
  );
  const include = await loadPatterns(
    {
      patterns: flags.include,
      files: flags.includeFile,
      ignoringCase: flags.iinclude,
      filesIgnoringCase: flags.iincludeFile,
    },
    environment,
  );
  const { newTime: time, snapshotSummary: addSummary, forget, dryRun } = flags;
  const hostname = flags.newHost || undefined;
  if (exclude.length > 0 && include.length > 0) {
    throw badFlags("include and exclude patterns were given; use one kind");
  }
  const isSelecting = exclude.length > 0 || include.length > 0 || addSummary === true;
  if (!isSelecting && hostname === undefined && time === undefined) {
    throw badFlags("nothing is to be done; give patterns, --new-host or --new-time");
  }
  return { exclude, include, hostname, time, addSummary, forget, dryRun };
}

function matchVerb({ include = [] }: RewriteOptions): string {
  return include.length > 0 ? "including" : "excluding";
}

function badFlags(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot rewrite snapshots: ${reason}`);
}
