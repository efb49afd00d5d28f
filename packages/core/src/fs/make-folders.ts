import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { TsbakError } from "../errors.ts";
import { nodePath, printablePath, toPathBytes } from "./path.ts";
import { isSystemError } from "./system-error.ts";

/**
 * Make a folder with the parents that it lacks, each for its owner only unless `mode` says otherwise. One that is there already, also
 * through symlinks, is no error. Blocks.
 *
 * Step by step, because Node's own `recursive` never ends where the system says of a folder, in one that is there, that something
 * is missing: below /proc.
 *
 * @throws {TsbakError} `denied` if the file system takes no folders there.
 * @throws {NodeJS.ErrnoException} What else the system says.
 */
export function makeFolders(path: string | Uint8Array, mode = 0o700): void {
  const bytes = typeof path === "string" ? toPathBytes(path) : path;
  if (isMade(bytes, mode)) return;
  const parent = parentOf(bytes);
  if (parent.length < bytes.length) makeFolders(parent, mode);
  if (isMade(bytes, mode)) return;
  throw new TsbakError(
    "denied",
    `Cannot make folder ${printablePath(bytes)}: the file system takes no folders there; choose another place`,
  );
}

/** False if something above it is missing. */
function isMade(path: Uint8Array, mode: number): boolean {
  try {
    mkdirSync(nodePath(path), { mode });
    return true;
  } catch (error) {
    if (isFolder(path)) return true;
    if (isSystemError(error) && error.code === "ENOENT") return false;
    throw error;
  }
}

function isFolder(path: Uint8Array): boolean {
  try {
    return statSync(nodePath(path)).isDirectory();
  } catch {
    return false;
  }
}

/** `.` for a name alone. */
function parentOf(path: Uint8Array): Uint8Array {
  return Buffer.from(dirname(Buffer.from(path).toString("latin1")), "latin1");
}
