import { prune, type PruneOptions, type Repository, type UnusedLimit } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { openNamedRepository } from "../open-repository.ts";
import { PruneReporter } from "../prune-report.ts";
import { storeSettings } from "../store-settings.ts";
import { keepMemorySmallest } from "../v8-flags.ts";

/** Flags of commands that prune. */
export interface SharedPruneFlags {
  readonly maxUnused?: UnusedLimit;
  /** Bytes. */
  readonly maxRepackSize?: number;
  readonly repackCacheableOnly?: boolean;
  /** Bytes. */
  readonly repackSmallerThan?: number;
  readonly repackUncompressed?: boolean;
  readonly repackSmall?: boolean;
  /** Milliseconds. */
  readonly maxDuration?: number;
  readonly maxWait?: number;
}

/** Flags of `prune`. */
export interface PruneFlags extends SharedPruneFlags {
  readonly dryRun?: boolean;
  readonly unsafeRecoverNoFreeSpace?: string;
}

/** `prune`: remove data that no snapshot needs. */
export async function runPrune(
  context: Context,
  _args: readonly string[],
  flags: PruneFlags,
): Promise<ExitCode> {
  keepMemorySmallest();
  const repository = await openNamedRepository(context, { locks: flags.dryRun !== true });
  await pruneRepository(context, repository, flags, {
    dryRun: flags.dryRun,
    recoverNoFreeSpace: flags.unsafeRecoverNoFreeSpace,
  });
  return EXIT.ok;
}

/** Prune, and tell of it: for every command that does. */
export async function pruneRepository(
  context: Context,
  repository: Repository,
  flags: SharedPruneFlags,
  options: PruneOptions,
): Promise<void> {
  const { globals, output, signal } = context;
  if (flags.repackSmall === true) {
    output.warn("--repack-small does nothing: small packs are repacked anyway");
  }
  const reporter = new PruneReporter(context, options.dryRun ?? false);
  try {
    const report = await prune(repository, {
      maxUnused: flags.maxUnused,
      maxRepackSize: flags.maxRepackSize,
      repackCacheableOnly: flags.repackCacheableOnly,
      repackSmallerThan: flags.repackSmallerThan,
      repackUncompressed: flags.repackUncompressed,
      maxDurationMs: flags.maxDuration,
      maxWaitMs: flags.maxWait,
      noLock: globals.lock === false,
      retryLockMs: globals.retryLock,
      ...storeSettings(context),
      signal,
      onEvent: (event) => reporter.take(event),
      ...options,
    });
    reporter.stop();
    reporter.end(report);
  } finally {
    reporter.stop();
  }
}
