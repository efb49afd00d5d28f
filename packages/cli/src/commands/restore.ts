import {
  compilePatterns,
  isFreshTarget,
  SnapshotSearch,
  restoreEarly,
  startRestoreWorkers,
  TsbakError,
  type AttributeRule,
  type EarlyOptions,
  type Overwrite,
  type RestoreOptions,
  type RestorePool,
  type RestoreSummary,
  type SnapshotSelection,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount, formatLocalTime, printable } from "../format-text.ts";
import { LateWorkers } from "../late-workers.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { loadPatterns, type PatternWish } from "../patterns.ts";
import { RestoreReport } from "../restore-report.ts";
import { snapshotFilter } from "../snapshot-filter.ts";
import { collectSeldom, keepMemorySmall, optimizeLate } from "../v8-flags.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `restore`. */
export interface RestoreFlags extends FilterFlags {
  readonly target?: string;
  readonly include?: readonly string[];
  readonly iinclude?: readonly string[];
  readonly includeFile?: readonly string[];
  readonly iincludeFile?: readonly string[];
  readonly exclude?: readonly string[];
  readonly iexclude?: readonly string[];
  readonly excludeFile?: readonly string[];
  readonly iexcludeFile?: readonly string[];
  readonly ownershipByName?: boolean;
  readonly overwrite?: Overwrite;
  readonly delete?: boolean;
  readonly dryRun?: boolean;
  readonly verify?: boolean;
  readonly sparse?: boolean;
  readonly includeXattr?: readonly string[];
  readonly excludeXattr?: readonly string[];
}

/** `restore`: write a snapshot to a folder. Any entry that could not be restored makes the exit code 1. */
export async function runRestore(
  context: Context,
  args: readonly string[],
  flags: RestoreFlags,
): Promise<ExitCode> {
  const { environment } = context;
  const { target } = flags;
  if (target === undefined || target === "")
    throw badFlags("name the folder to write to with --target");
  const { include, exclude } = patternWishes(flags);
  const includeLists = await loadPatterns(include, environment);
  const excludeLists = await loadPatterns(exclude, environment);
  if (includeLists.length > 0 && excludeLists.length > 0) {
    throw badFlags("include and exclude patterns were given; use one kind");
  }
  if (flags.dryRun === true && flags.verify === true) {
    throw badFlags("--dry-run writes nothing that --verify could read; use one of them");
  }
  const attributes = attributeRule(flags);
  keepMemorySmall();
  optimizeLate();
  collectSeldom();
  const workers = new LateWorkers(startRestoreWorkers);
  try {
    const options = { include: includeLists, exclude: excludeLists, attributes };
    const what = { name: args[0] ?? "", target };
    return await restoreSnapshot(context, what, flags, { ...options, workers });
  } finally {
    await workers.close();
  }
}

type LateRestore = Omit<EarlyOptions, "workers"> & { readonly workers: LateWorkers<RestorePool> };

async function restoreSnapshot(
  context: Context,
  { name, target }: { readonly name: string; readonly target: string },
  flags: RestoreFlags,
  { workers, ...options }: LateRestore,
): Promise<ExitCode> {
  const { environment, output } = context;
  const repository = await openNamedRepository(context, {
    locks: true,
    snapshots: true,
    index: true,
    onDerive: workers.start,
  });
  repository.loadIndexEarly({ signal: context.signal });
  const filter = snapshotFilter(flags, environment);
  const search = new SnapshotSearch(repository, name, filter, {
    wantsContents: wantsAll(options, flags) && isFreshTarget(target),
    signal: context.signal,
  });
  const report = new RestoreReport(context);
  let summary: RestoreSummary;
  try {
    const wish = { readOnly: true, settlesLater: true };
    summary = await withLock(context, repository, wish, (signal, lock) =>
      restoreEarly(repository, search, target, {
        ...options,
        workers: workers.pool,
        ownershipByName: flags.ownershipByName,
        overwrite: flags.overwrite,
        delete: flags.delete,
        dryRun: flags.dryRun,
        verify: flags.verify,
        sparse: flags.sparse,
        mayWrite: lock.settled,
        onAllRead: () => lock.release(),
        signal,
        reportItems: output.verbosity >= 3,
        onFound: (found) => output.say(describeStart(found, target)),
        onEvent: (notice) => report.note(notice),
      }),
    );
  } finally {
    search.stop();
    report.stop();
  }
  return concludeRestore(report, summary, { output, target });
}

function describeStart({ id, snapshot }: SnapshotSelection, target: string): string {
  const { time, paths, username, hostname } = snapshot;
  const what = `snapshot ${id.slice(0, 8)} of [${paths.join(" ")}]`;
  const when = `at ${formatLocalTime(time)} by ${username}@${hostname}`;
  return printable(`restoring ${what} ${when} to ${target}`);
}

function wantsAll({ include, exclude }: RestoreOptions, { dryRun }: RestoreFlags): boolean {
  return include?.length === 0 && exclude?.length === 0 && dryRun !== true;
}

function concludeRestore(
  report: RestoreReport,
  summary: RestoreSummary,
  { output, target }: Pick<Context, "output"> & { readonly target: string },
): ExitCode {
  report.printSummary(summary);
  if (summary.verified !== undefined) {
    output.say(
      printable(`finished verifying ${formatCount(summary.verified, "file")} in ${target}`),
    );
  }
  if (summary.errors === 0) return EXIT.ok;
  throw new TsbakError(
    "corrupt",
    `Cannot restore everything: there ${summary.errors === 1 ? "was" : "were"} ${formatCount(summary.errors, "error")}; they are listed above`,
  );
}

function patternWishes(flags: RestoreFlags): { include: PatternWish; exclude: PatternWish } {
  return {
    include: {
      patterns: flags.include,
      files: flags.includeFile,
      ignoringCase: flags.iinclude,
      filesIgnoringCase: flags.iincludeFile,
    },
    exclude: {
      patterns: flags.exclude,
      files: flags.excludeFile,
      ignoringCase: flags.iexclude,
      filesIgnoringCase: flags.iexcludeFile,
    },
  };
}

function attributeRule({
  includeXattr: include = [],
  excludeXattr: exclude = [],
}: RestoreFlags): AttributeRule | undefined {
  if (include.length > 0 && exclude.length > 0) {
    throw badFlags("--include-xattr and --exclude-xattr were given; use one kind");
  }
  if (include.length === 0 && exclude.length === 0) return undefined;
  const patterns = compilePatterns([...include, ...exclude]).source;
  return { kind: include.length > 0 ? "include" : "exclude", patterns };
}

function badFlags(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot restore: ${reason}`);
}
