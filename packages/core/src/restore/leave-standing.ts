import type { RootedDirectory } from "../fs/rooted.ts";
import type { FileStat } from "../fs/stat.ts";
import { isSystemError } from "../fs/system-error.ts";
import { isTsbakError } from "../errors.ts";
import { metadataAt, type EntryTable } from "./entry-table.ts";
import type { RestoreProgress } from "./progress.ts";
import type { Overwrite } from "./protocol.ts";
import type { RestorePlan } from "./restore-plan.ts";

/** What the decision needs. */
export interface LeaveContext {
  readonly plan: RestorePlan;
  /** Undefined if the target is not there. */
  readonly root: RootedDirectory | undefined;
  readonly progress: RestoreProgress;
  readonly overwrite: Overwrite;
}

/** Whether something stands in the place of a link, device or fifo that the user wants left alone. That is counted then. */
export function leaveStanding(
  type: "link" | "other",
  table: EntryTable,
  entry: number,
  { plan, root, progress, overwrite }: LeaveContext,
): boolean {
  if (overwrite !== "never" && overwrite !== "if-newer") return false;
  const directory = plan.directories.path(table.directory(entry));
  const state = root === undefined ? undefined : tryStat(root, directory, table.name(entry));
  if (state === undefined) return false;
  const { mtime } = metadataAt(table.numbers, entry);
  const newerBy = mtime.seconds - state.mtimeSeconds || mtime.nanoseconds - state.mtimeNanoseconds;
  if (overwrite === "if-newer" && newerBy > 0) return false;
  if (type === "link") plan.unchangedFiles++;
  progress.unchanged(type, 0, () => plan.path(table, entry));
  return true;
}

/** Undefined also if the directory is not there: whoever makes the entry will tell what is wrong. */
function tryStat(
  root: RootedDirectory,
  directory: Uint8Array,
  name: Uint8Array,
): FileStat | undefined {
  try {
    return root.stat(directory, name);
  } catch (error) {
    if (!isSystemError(error) && !isTsbakError(error, "denied")) throw error;
    return undefined;
  }
}
