import { readdirSync, rmdirSync, statSync, type Stats } from "node:fs";

import { TsbakError } from "../errors.ts";
import { makeFolders } from "./make-folders.ts";
import { absolutePath, nodePath, printablePath, toPathBytes } from "./path.ts";
import { describeSystemError, isSystemError } from "./system-error.ts";

const SLASH = 0x2f;

/**
 * Make the directory that a restore writes to, with the parents it lacks. The path itself may lead through symlinks:
 * the user named it.
 *
 * @throws {TsbakError} `denied` if it cannot be made or is no directory.
 */
export function makeTarget(path: Uint8Array): void {
  try {
    makeFolders(path);
    if (statSync(nodePath(path)).isDirectory()) return;
  } catch (error) {
    throw new TsbakError(
      "denied",
      `Cannot restore to "${printablePath(path)}": ${describeSystemError(error)}; choose another target`,
      { cause: error },
    );
  }
  throw new TsbakError(
    "denied",
    `Cannot restore to "${printablePath(path)}": it is no directory; choose another target`,
  );
}

/** A target in which nothing stands: it is an empty directory, or not there while its parent is. */
export type FreshTarget = "empty" | "missing";

/** Whether directories can be made in a target before it is certain that the restore goes on; undefined if something stands there. */
export function freshTarget(path: Uint8Array): FreshTarget | undefined {
  try {
    return readdirSync(nodePath(path)).length === 0 ? "empty" : undefined;
  } catch (error) {
    const isMissing = isSystemError(error) && error.code === "ENOENT";
    return isMissing && isDirectory(parentOf(path)) ? "missing" : undefined;
  }
}

/** True if nothing stands in a target, so that all that is to be restored has to be fetched. */
export function isFreshTarget(target: string): boolean {
  return freshTarget(absolutePath(toPathBytes(target))) !== undefined;
}

/** Remove a target that was made, if it is empty. */
export function removeTarget(path: Uint8Array): void {
  try {
    rmdirSync(nodePath(path));
  } catch {
    // Somebody else has put something there.
  }
}

/** True for the root of the file system, by whatever path. */
export function isFileSystemRoot(path: Uint8Array): boolean {
  const [target, root] = [stateOf(path), stateOf(toPathBytes("/"))];
  return target !== undefined && target.ino === root?.ino && target.dev === root.dev;
}

/** True for a directory, also through symlinks. */
export function isDirectory(path: Uint8Array): boolean {
  return stateOf(path)?.isDirectory() ?? false;
}

function parentOf(path: Uint8Array): Uint8Array {
  return path.subarray(0, Math.max(path.lastIndexOf(SLASH), 1));
}

function stateOf(path: Uint8Array): Stats | undefined {
  try {
    return statSync(nodePath(path));
  } catch {
    // Whoever makes the directory will tell why it cannot be.
    return undefined;
  }
}
