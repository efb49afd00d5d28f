import { mkdirSync, statSync } from "node:fs";

import { TsbakError } from "../errors.ts";
import { nodePath, printablePath } from "./path.ts";
import { describeSystemError } from "./system-error.ts";

/**
 * Make the directory that a restore writes to, with the parents it lacks. The path itself may lead through symlinks:
 * the user named it.
 *
 * @throws {TsbakError} `denied` if it cannot be made or is no directory.
 */
export function makeTarget(path: Uint8Array): void {
  try {
    mkdirSync(nodePath(path), { recursive: true, mode: 0o700 });
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
