import { joinPath } from "../fs/path.ts";
import { removeTree, walkUpwards } from "../fs/remove-tree.ts";
import type { RootedDirectory } from "../fs/rooted.ts";
import { describeFailure } from "./describe-failure.ts";
import type { RestoreProgress } from "./progress.ts";
import type { RestorePlan } from "./restore-plan.ts";

/**
 * Remove what stands in the restored directories and is not in the snapshot, with all that is below it; with `isDryRun` only tell of
 * it. `target` is the absolute path of the root.
 */
export function deleteStrangers(
  plan: RestorePlan,
  root: RootedDirectory,
  progress: RestoreProgress,
  options: { readonly target: Uint8Array; readonly isDryRun: boolean },
): void {
  const { strangers, directories } = plan;
  if (strangers.length === 0) return;
  if (!plan.isTrusted) {
    progress.warning("nothing is deleted, because the snapshot has entries that were refused");
    return;
  }
  const tell = (path: Uint8Array): void => progress.deleted(() => joinPath(options.target, path));
  for (let entry = 0; entry < strangers.length; entry++) {
    const directory = directories.path(strangers.directory(entry));
    const name = strangers.name(entry);
    try {
      if (!options.isDryRun) removeTree(root, directory, name, tell);
      else for (const path of walkUpwards(root, directory, name)) tell(path);
    } catch (error) {
      progress.error(plan.path(strangers, entry), `cannot be deleted: ${describeFailure(error)}`);
    }
  }
}
