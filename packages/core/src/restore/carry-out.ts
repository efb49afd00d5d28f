import { throwIfAborted } from "../async/interrupted.ts";
import { isTsbakError } from "../errors.ts";
import type { RootedDirectory } from "../fs/rooted.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { ContentsAhead } from "../repository/contents-ahead.ts";
import type { Repository } from "../repository/repository.ts";
import { ContentWriter } from "./contents.ts";
import { deleteStrangers } from "./delete-strangers.ts";
import { FileLedger } from "./file-ledger.ts";
import { finishDirectories } from "./finish-directories.ts";
import { restoreFlags } from "./flags.ts";
import type { RestoreProgress } from "./progress.ts";
import type { Overwrite } from "./protocol.ts";
import { reportPlan } from "./report-plan.ts";
import type { RestoreOptions, RestorePool } from "./restore.ts";
import type { RestorePlan } from "./restore-plan.ts";
import { restoreSpecials } from "./specials.ts";
import { verifyFiles } from "./verify-files.ts";

/** What carrying out a plan needs. */
export interface Writing {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly plan: RestorePlan;
  readonly pool: RestorePool;
  readonly progress: RestoreProgress;
  readonly root: RootedDirectory | undefined;
  readonly signal: AbortSignal;
  readonly overwrite: Overwrite;
  /** Before it resolves nothing is told of packs that are missing, and nothing is done beyond writing files where nothing stands. */
  readonly certain: Promise<void>;
  readonly ahead: ContentsAhead | undefined;
}

/**
 * Write all that is planned to the directory `target`, or tell what would be done. Returns how many files were verified, if that was
 * wanted.
 *
 * @throws {TsbakError} as `restore`.
 */
export async function carryOut(
  writing: Writing,
  target: Uint8Array,
  options: RestoreOptions,
): Promise<number | undefined> {
  const { plan, root, progress } = writing;
  const isDryRun = options.dryRun ?? false;
  if (isDryRun) reportPlan(writing);
  else if (root !== undefined) await writeContents(writing, root);
  options.onAllRead?.();
  if (root !== undefined && !isDryRun) await restoreSpecials(writing, root);
  if (root !== undefined) deleteStrangers(plan, root, progress, { target, isDryRun });
  if (isDryRun) return undefined;
  // Before their directories have modes that may keep us out.
  const verified = options.verify === true ? await verifyFiles(writing) : undefined;
  throwIfAborted(writing.signal);
  await finishDirectories(plan, writing.pool, progress);
  if (root !== undefined) restoreFlags(plan, root, progress);
  progress.tellRefusals();
  return verified;
}

async function writeContents(writing: Writing, root: RootedDirectory): Promise<void> {
  const { plan, progress } = writing;
  const ledger = new FileLedger(plan, root, progress);
  try {
    await new ContentWriter({ ...writing, ledger }).write();
    await writing.certain;
  } catch (error) {
    // On a full disk they would be in the way.
    ledger.removeUnfinished({ keepsParts: !isTsbakError(error, "no-space") });
    throw error;
  }
}
