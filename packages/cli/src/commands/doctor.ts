import {
  describeFile,
  doctor,
  isTsbakError,
  keepCopy,
  listSnapshots,
  planOpening,
  TsbakError,
  type DoctorEvent,
  type DoctorReport,
  type DoctorStep,
  type ErrorCode,
  type KeepAside,
  type Repository,
} from "@tsbak/core";
import { cacheSettings } from "../cache-settings.ts";
import type { Context } from "../context.ts";
import {
  describeDiagnosis,
  describeForgotten,
  describeNextSteps,
  describeTrash,
  describeTreatment,
} from "../doctor-report.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount, formatSize } from "../format-text.ts";
import { openNamedBackend, openNamedRepository, openOtherRepository } from "../open-repository.ts";
import type { FromFlags } from "../options.ts";
import { formatHead, progressInterval } from "../progress-line.ts";
import { askYes } from "../prompt.ts";
import { reportIndexEvent, reportPacksEvent } from "../repair-progress.ts";
import { TimedStatus } from "../timed-status.ts";
import { exclusiveOptions } from "../with-lock.ts";

/** Flags of `doctor`. */
export interface DoctorFlags extends FromFlags {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly readData?: false;
  readonly keepIn?: string;
  readonly snapshotsFromCache?: boolean;
}

/** Why a repository does not open if its config or keys are damaged. */
const CLOSED: readonly ErrorCode[] = ["corrupt", "no-repository", "wrong-password", "unsupported"];

const STEPS: Readonly<Record<DoctorStep, string>> = {
  verify: "looking for damage",
  snapshots: "mending snapshots and keys",
  places: "looking for packs in wrong folders",
  packs: "saving what can be read of damaged packs",
  index: "making the index true to the packs",
  blobs: "looking for what was lost",
  "verify-again": "looking again",
};

/** `doctor`: find out what is damaged, repair it, and tell what could not be repaired. */
export async function runDoctor(
  context: Context,
  _args: readonly string[],
  flags: DoctorFlags,
): Promise<ExitCode> {
  const { output } = context;
  const isOther = flags.fromRepo !== undefined || flags.fromRepositoryFile !== undefined;
  const from = isOther ? await openOtherRepository(context, flags) : undefined;
  const repository = await open(context, flags, from);
  const folder = flags.keepIn ?? folderFor(repository);
  const status = new TimedStatus(output, progressInterval(output, context.environment));
  const report = await doctor(repository, {
    ...exclusiveOptions(context),
    readData: flags.readData,
    cacheDirectory: cacheSettings(context).cacheDirectory,
    snapshotsFromCache: flags.snapshotsFromCache,
    from,
    keepAside: keepIn(context, folder),
    mayRepair: async (diagnosis) => {
      status.stop();
      await sayDiagnosis(context, repository, diagnosis);
      return mayRepair(context, flags, folder);
    },
    onEvent: (event) => showEvent(context, event, status),
  }).finally(() => status.stop());
  return conclude(context, repository, report, isOther);
}

function folderFor({ id }: Repository): string {
  return `damaged-files-of-${id.slice(0, 8)}`;
}

/** Open the repository; if its config or keys are damaged, with those of a mirror. */
async function open(
  context: Context,
  flags: DoctorFlags,
  from: Repository | undefined,
): Promise<Repository> {
  try {
    return await openNamedRepository(context, { cache: false });
  } catch (error) {
    const code = isTsbakError(error) ? error.code : undefined;
    if (code === undefined || !CLOSED.includes(code)) throw error;
    if (from === undefined) {
      const { message } = error as TsbakError;
      const hint =
        "config and keys are in no cache; a mirror has the same: tsbak doctor --from-repo <location>";
      throw new TsbakError(code, `${message}; ${hint}`, { cause: error });
    }
    if (!(await mendOpening(context, flags, from))) throw error;
    return openNamedRepository(context, { cache: false });
  }
}

/** True if something was mended. */
async function mendOpening(
  context: Context,
  flags: DoctorFlags,
  from: Repository,
): Promise<boolean> {
  const { output, signal } = context;
  const backend = await openNamedBackend(context);
  const repair = await planOpening(backend, from, { signal });
  if (repair.files.length === 0) return false;
  const names = repair.files.map(describeFile).join(", ");
  output.warnMessage(`missing or damaged: ${names}`, {
    message_type: "error",
    message: `missing or damaged: ${names}`,
  });
  const folder = flags.keepIn ?? folderFor(from);
  if (!(await mayRepair(context, flags, folder))) return false;
  await repair.apply({ ...exclusiveOptions(context), keepAside: keepIn(context, folder) });
  output.say(`took from ${from.backend.location}: ${names}`);
  return true;
}

function keepIn({ output }: Context, folder: string): KeepAside {
  return async ({ kind, name }, bytes) => {
    const title = name === "" ? kind : `${kind}-${name}`;
    output.say(`kept a copy as ${keepCopy(folder, title, bytes)}`);
  };
}

async function sayDiagnosis(
  { output, signal }: Context,
  repository: Repository,
  { after, onlyInCache, inTrash }: DoctorReport,
): Promise<void> {
  const isSound = after.errors.length === 0;
  const quietly = { signal, onDamaged: () => undefined };
  const snapshots = isSound ? [] : await listSnapshots(repository, {}, quietly);
  for (const line of describeDiagnosis(after, snapshots)) {
    if (isSound) output.say(line);
    else output.warnMessage(line, { message_type: "error", message: line.trim() });
  }
  for (const line of describeForgotten(onlyInCache)) output.say(line);
  // Who asks a doctor about a repository that is whole may miss a snapshot.
  for (const line of describeTrash(inTrash)) output.say(line);
}

async function mayRepair(
  { output, signal }: Context,
  flags: DoctorFlags,
  folder: string,
): Promise<boolean> {
  if (flags.dryRun === true) return false;
  if (flags.yes === true) return true;
  if (process.stdin.isTTY && output.isTerminal && !output.json) {
    const terminal = { input: process.stdin, output: process.stderr };
    const question = `repair now? Copies of damaged files will be kept in ${folder} [y/N] `;
    return askYes(terminal, question, signal);
  }
  output.say("nothing was changed; add --yes to repair");
  return false;
}

async function conclude(
  context: Context,
  repository: Repository,
  report: DoctorReport,
  hasOther: boolean,
): Promise<ExitCode> {
  const { output } = context;
  const { after, treatment, before } = report;
  if (treatment !== undefined || before.errors.length === 0) {
    for (const line of describeTreatment(report)) output.say(line);
    await sayDiagnosis(context, repository, {
      ...report,
      onlyInCache: treatment ? [] : report.onlyInCache,
      inTrash: treatment ? [] : report.inTrash,
    });
  }
  if (treatment !== undefined) {
    for (const line of describeNextSteps(report, hasOther)) output.say(line);
  }
  output.message({
    message_type: "summary",
    num_errors_before: before.errors.length,
    num_errors: after.errors.length,
    repaired: treatment !== undefined,
    snapshots_mended: treatment?.snapshotsMended ?? [],
    keys_mended: treatment?.keysMended ?? [],
    packs_placed: treatment?.packsPlaced ?? [],
    packs_salvaged: treatment?.packsSalvaged ?? [],
    blobs_salvaged: treatment?.blobsSalvaged ?? 0,
    blobs_found: Object.fromEntries(treatment?.blobsFound ?? []),
    snapshots_in_trash: report.inTrash.map(({ id }) => id),
    blobs_lost: treatment?.blobsLost.map(({ type, id }) => ({ type, id })) ?? [],
  });
  if (after.errors.length === 0) return EXIT.ok;
  const problems = formatCount(after.errors.length, "problem");
  throw new TsbakError("corrupt", `The repository is damaged: ${problems}; see above`);
}

function showEvent({ output }: Context, event: DoctorEvent, status: TimedStatus): void {
  switch (event.kind) {
    case "step":
      return output.say(`${STEPS[event.step]} ...`);
    case "index":
      return reportIndexEvent(output, event.event, status);
    case "packs":
      return reportPacksEvent(output, event.event, status);
    case "verify": {
      const { bytesDone, bytesTotal } = event.event;
      const share = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
      return status.show(
        (seconds) =>
          `${formatHead(seconds, share, undefined)}  ${formatSize(bytesDone, 1)} / ${formatSize(bytesTotal, 1)}`,
      );
    }
  }
}
