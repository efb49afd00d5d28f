import type { RootedDirectory } from "../fs/rooted.ts";
import { removeTarget, type FreshTarget } from "../fs/target.ts";
import type { RestorePlan } from "./restore-plan.ts";

/** Leave a target that was fresh as it was. Only the directories of `plan` have been made in it. What cannot be removed stays. */
export function takeBack(
  fresh: FreshTarget,
  path: Uint8Array,
  root: RootedDirectory,
  { directories }: RestorePlan,
): void {
  for (let directory = directories.length - 1; directory > 0; directory--) {
    const parent = directories.path(directories.directory(directory));
    try {
      root.removeDirectory(parent, directories.name(directory));
    } catch {
      // Somebody else has put something there.
    }
  }
  if (fresh === "missing") removeTarget(path);
}
