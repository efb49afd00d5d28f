import { hostname } from "node:os";
import { addAbortSignal } from "node:stream";
import {
  backup,
  backupStream,
  CACHE_TAG,
  explainBackup,
  startBackupWorkers,
  TsbakError,
  type BackupNotice,
  type BackupOptions,
  type BackupPool,
  type BackupSummary,
  type ParentGrouping,
  type Repository,
  type TagFile,
} from "@tsbak/core";
import { BackupReport } from "../backup-report.ts";
import { CommandStream } from "../command-stream.ts";
import type { Context } from "../context.ts";
import { setting } from "../environment.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { printable } from "../format-text.ts";
import { LateWorkers } from "../late-workers.ts";
import { openNamedRepository, passwordWish } from "../open-repository.ts";
import { loadPatterns } from "../patterns.ts";
import { gatherSources, type SourceFlags } from "../sources.ts";
import { refuseCompression, storeSettings } from "../store-settings.ts";
import { collectEarly, keepMemorySmall, optimizeLate } from "../v8-flags.ts";
import { VERSION } from "../version.ts";

/** Flags of `backup`. */
export interface BackupFlags extends SourceFlags {
  readonly exclude?: readonly string[];
  readonly iexclude?: readonly string[];
  readonly excludeFile?: readonly string[];
  readonly iexcludeFile?: readonly string[];
  readonly oneFileSystem?: boolean;
  readonly excludeCaches?: boolean;
  readonly excludeIfPresent?: readonly TagFile[];
  readonly excludePerFolder?: readonly string[];
  readonly excludeLargerThan?: number;
  readonly asPath?: string;
  readonly stripPrefix?: string;
  readonly stdin?: boolean;
  readonly stdinFilename?: string;
  readonly stdinFromCommand?: boolean;
  readonly tag?: readonly (readonly string[])[];
  readonly host?: string;
  readonly time?: string;
  readonly parent?: string;
  readonly groupBy?: ParentGrouping;
  readonly force?: boolean;
  readonly ignoreInode?: boolean;
  readonly ignoreCtime?: boolean;
  readonly withAtime?: boolean;
  readonly withBirthTime?: boolean;
  readonly withInodeFlags?: boolean;
  readonly skipIfUnchanged?: boolean;
  readonly scan?: false;
  readonly dryRun?: boolean;
  readonly explain?: readonly string[];
}

/** `backup`: make a snapshot. */
export async function runBackup(
  context: Context,
  args: readonly string[],
  flags: BackupFlags,
): Promise<ExitCode> {
  const { output } = context;
  const isStream = flags.stdin === true || flags.stdinFromCommand === true;
  if (isStream) refuseTwoInputs(context, args, flags);
  const options = await backupOptions(context, flags);
  const sources = isStream
    ? []
    : await gatherSources(args, flags, (pattern) =>
        output.warn(`pattern "${printable(pattern)}" matches no file, skipping it`),
      );
  if (!isStream && sources.length === 0) {
    throw badInput("nothing was named; give at least one file or folder");
  }
  if (flags.explain !== undefined) return explain(context, sources, flags, options);
  keepMemorySmall();
  optimizeLate();
  collectEarly();
  const workers = new LateWorkers(startBackupWorkers);
  try {
    const what = { sources, command: flags.stdinFromCommand === true ? args : undefined };
    return await saveSources(context, what, flags, { ...options, workers });
  } finally {
    await workers.close();
  }
}

/** Say of each path whether and why it would be saved; nothing else is done. */
async function explain(
  context: Context,
  sources: readonly Uint8Array[],
  flags: BackupFlags,
  options: BackupOptions,
): Promise<ExitCode> {
  if (flags.dryRun !== true || sources.length === 0) {
    throw badInput("--explain is for files and folders, and saves nothing; add --dry-run");
  }
  const repository = await openNamedRepository(context);
  const { output } = context;
  for (const found of explainBackup(repository, sources, flags.explain ?? [], options)) {
    const { path, isSaved, decidedBy, reason } = found;
    const fields = { path, saved: isSaved, decided_by: decidedBy, reason };
    output.message({ message_type: "explanation", ...fields });
    const subject = decidedBy === path ? "it" : decidedBy;
    output.say(`${path} is ${isSaved ? "saved" : "left out"}: ${subject} ${reason}`, 0);
  }
  return EXIT.ok;
}

/** What is to be saved. */
interface Input {
  readonly sources: readonly Uint8Array[];
  /** A program and its arguments, whose output is to be saved. */
  readonly command: readonly string[] | undefined;
}

type LateBackup = Omit<BackupOptions, "workers"> & { readonly workers: LateWorkers<BackupPool> };

async function saveSources(
  context: Context,
  input: Input,
  flags: BackupFlags,
  { workers, ...options }: LateBackup,
): Promise<ExitCode> {
  const { output } = context;
  const repository = await openNamedRepository(context, {
    locks: flags.dryRun !== true,
    index: true,
    onDerive: workers.start,
  });
  repository.loadIndexEarly({ signal: context.signal });
  refuseCompression(repository, storeSettings(context));
  const report = new BackupReport(context);
  let summary: BackupSummary;
  try {
    const onEvent = (notice: BackupNotice): void => report.note(notice);
    const reportItems = output.verbosity >= 2;
    const all = { ...options, workers: workers.pool, onEvent, reportItems };
    summary = await save(context, repository, input, flags, all);
  } finally {
    report.stop();
  }
  report.printSummary(summary, flags.dryRun ?? false);
  if (summary.errors === 0) return EXIT.ok;
  const message = "Warning: at least one source file could not be read";
  output.warnMessage(message, { message_type: "exit_error", code: EXIT.incomplete, message });
  return EXIT.incomplete;
}

async function save(
  { output, signal }: Context,
  repository: Repository,
  { sources, command }: Input,
  flags: BackupFlags,
  options: BackupOptions,
): Promise<BackupSummary> {
  const name = flags.stdinFilename ?? "stdin";
  if (command !== undefined) {
    const running = new CommandStream(command, { signal, onMessage: (line) => output.warn(line) });
    try {
      return await backupStream(repository, { stream: running.stream, name }, options);
    } finally {
      await running.close();
    }
  }
  if (flags.stdin !== true) return backup(repository, sources, options);
  // Without this an interruption would wait for whoever writes to us.
  const stream = addAbortSignal(signal, process.stdin);
  return backupStream(repository, { stream, name }, options);
}

async function backupOptions(context: Context, flags: BackupFlags): Promise<BackupOptions> {
  const { environment, globals, output, signal } = context;
  const exclude = {
    patterns: flags.exclude,
    files: flags.excludeFile,
    ignoringCase: flags.iexclude,
    filesIgnoringCase: flags.iexcludeFile,
  };
  return {
    signal,
    hostname: (flags.host ?? setting(environment, "HOST")) || hostname(),
    tags: (flags.tag ?? []).flat().filter((tag) => tag !== ""),
    time: flags.time,
    parent: flags.parent,
    asPath: flags.asPath,
    stripPrefix: flags.stripPrefix,
    groupBy: flags.groupBy,
    force: flags.force,
    exclude: await loadPatterns(exclude, environment),
    recordedExcludes: flags.exclude,
    oneFileSystem: flags.oneFileSystem,
    excludeIfPresent: [
      ...(flags.excludeCaches === true ? [CACHE_TAG] : []),
      ...(flags.excludeIfPresent ?? []),
    ],
    ignoreFileNames: flags.excludePerFolder,
    excludeLargerThan: flags.excludeLargerThan,
    ignoreInode: flags.ignoreInode || isSet(environment["RESTIC_IGNORE_INODE"]),
    ignoreCtime:
      flags.ignoreCtime || flags.ignoreInode || isSet(environment["RESTIC_IGNORE_CTIME"]),
    withAtime: flags.withAtime,
    withBirthTime: flags.withBirthTime,
    withInodeFlags: flags.withInodeFlags,
    skipIfUnchanged: flags.skipIfUnchanged,
    scan: flags.scan !== false && (output.json || output.isTerminal),
    dryRun: flags.dryRun,
    ...storeSettings(context),
    programVersion: `tsbak ${VERSION}`,
    retryLockMs: globals.retryLock,
  };
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && /^(1|t|true)$/i.test(text);
}

/** Data comes from standard input or a command: then neither other sources nor, for the first, a password can. */
function refuseTwoInputs(context: Context, args: readonly string[], flags: BackupFlags): void {
  const { filesFrom, filesFromRaw, filesFromVerbatim, stdinFromCommand } = flags;
  const flag = stdinFromCommand === true ? "--stdin-from-command" : "--stdin";
  const isListed = (filesFrom ?? filesFromRaw ?? filesFromVerbatim) !== undefined;
  if (isListed || (args.length > 0 && stdinFromCommand !== true)) {
    throw badInput(`${flag} was given with other sources; leave out one of them`);
  }
  if (stdinFromCommand === true) {
    if (args.length > 0) return;
    throw badInput("no command was given; write it and its arguments behind --");
  }
  const { isEmpty, ...source } = passwordWish(context);
  if (isEmpty || Object.keys(source).length > 0) return;
  throw badInput(
    "both data and password would come from standard input; name a password with --password-file",
  );
}

function badInput(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot back up: ${reason}`);
}
