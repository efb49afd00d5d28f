import { RootedDirectory } from "../fs/rooted.ts";
import { removeTarget, type FreshTarget } from "../fs/target.ts";
import type { RestorePlan } from "./restore-plan.ts";

/** Leave a target that was fresh as it was, where files and directories of `plan` may have been made. What cannot be removed stays. */
export function takeBack(
  fresh: FreshTarget,
  path: Uint8Array,
  plan: RestorePlan | undefined,
): void {
  if (plan !== undefined) {
    // That of the restore would make the directories that are missing.
    const root = new RootedDirectory(path);
    try {
      removeEntries(plan, root);
    } finally {
      root.close();
    }
  }
  if (fresh === "missing") removeTarget(path);
}

/** Directories that are not empty then hold what somebody else has put there. */
function removeEntries({ files, directories }: RestorePlan, root: RootedDirectory): void {
  for (let file = 0; file < files.length; file++) {
    const directory = directories.path(files.directory(file));
    attempt(() => root.unlink(directory, files.nameOnDisk(file)));
  }
  for (let directory = directories.length - 1; directory > 0; directory--) {
    const parent = directories.path(directories.directory(directory));
    attempt(() => root.removeDirectory(parent, directories.name(directory)));
  }
}

function attempt(remove: () => void): void {
  try {
    remove();
  } catch {
    // It was not made, or is not ours.
  }
}
