import { statSync, type Stats } from "node:fs";

import { TsbakError } from "../errors.ts";
import { makeFolders } from "./make-folders.ts";
import { nodePath, printablePath, toPathBytes } from "./path.ts";
import { describeSystemError } from "./system-error.ts";

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

/** True for the root of the file system, by whatever path. */
export function isFileSystemRoot(path: Uint8Array): boolean {
  const [target, root] = [stateOf(path), stateOf(toPathBytes("/"))];
  return target !== undefined && target.ino === root?.ino && target.dev === root.dev;
}

/** True for a directory, also through symlinks. */
export function isDirectory(path: Uint8Array): boolean {
  return stateOf(path)?.isDirectory() ?? false;
}

function stateOf(path: Uint8Array): Stats | undefined {
  try {
    return statSync(nodePath(path));
  } catch {
    // Whoever makes the directory will tell why it cannot be.
    return undefined;
  }
}
