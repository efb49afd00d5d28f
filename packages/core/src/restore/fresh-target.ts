import { readdirSync, rmdirSync } from "node:fs";
import { isDirectory } from "../fs/target.ts";
import { nodePath } from "../fs/path.ts";
import type { RootedDirectory } from "../fs/rooted.ts";
import type { RestorePlan } from "./restore-plan.ts";

const SLASH = 0x2f;

/** A target in which nothing stands: it is an empty directory, or not there while its parent is. */
export type FreshTarget = "empty" | "missing";

/**
 * Find out whether a target is fresh, so that directories can be made in it before it is certain that the restore goes on; undefined if
 * something stands there.
 */
export function freshTarget(path: Uint8Array): FreshTarget | undefined {
  try {
    return readdirSync(nodePath(path)).length === 0 ? "empty" : undefined;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return isMissing && isDirectory(parentOf(path)) ? "missing" : undefined;
  }
}

/** Leave a target that was fresh as it was. Only the directories of `plan` have been made in it. What cannot be removed stays. */
export function takeBack(
  fresh: FreshTarget,
  path: Uint8Array,
  root: RootedDirectory,
  { directories }: RestorePlan,
): void {
  for (let directory = directories.length - 1; directory > 0; directory--) {
    const parent = directories.path(directories.directory(directory));
    ignoringFailure(() => root.removeDirectory(parent, directories.name(directory)));
  }
  if (fresh === "missing") ignoringFailure(() => rmdirSync(nodePath(path)));
}

function parentOf(path: Uint8Array): Uint8Array {
  return path.subarray(0, Math.max(path.lastIndexOf(SLASH), 1));
}

function ignoringFailure(remove: () => void): void {
  try {
    remove();
  } catch {
    // Somebody else has put something there.
  }
}
