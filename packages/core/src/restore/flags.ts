import type { RootedDirectory } from "../fs/rooted.ts";
import { describeFailure } from "./describe-failure.ts";
import { STANDING, type EntryTable } from "./entry-table.ts";
import type { RestoreProgress } from "./progress.ts";
import type { RestorePlan } from "./restore-plan.ts";

/**
 * Give files and directories the inode flags that the snapshot has of them. To be called after everything else: what is immutable can
 * neither be changed nor linked, and nothing can be made in it. The deepest directories come first.
 */
export function restoreFlags(
  plan: RestorePlan,
  root: RootedDirectory,
  progress: RestoreProgress,
): void {
  const { files, directories, failedFiles } = plan;
  for (const [file, flags] of files.flags) {
    const isOurs = !failedFiles.has(file) && files.standing(file) !== STANDING.kept;
    if (isOurs) setFlags(files, file, flags, plan, root, progress);
  }
  const deepestFirst = [...directories.flags].sort(
    ([a], [b]) => directories.depth(b) - directories.depth(a),
  );
  for (const [directory, flags] of deepestFirst) {
    setFlags(directories, directory, flags, plan, root, progress);
  }
}

function setFlags(
  table: EntryTable,
  entry: number,
  flags: number,
  plan: RestorePlan,
  root: RootedDirectory,
  progress: RestoreProgress,
): void {
  try {
    const directory = plan.directories.path(table.directory(entry));
    progress.refused(root.setFlags(directory, table.name(entry), flags));
  } catch (error) {
    progress.error(plan.path(table, entry), describeFailure(error));
  }
}
