import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsbakError } from "../errors.ts";
import { makeFolders } from "./make-folders.ts";
import { describeSystemError, isSystemError } from "./system-error.ts";
import { writeFully } from "./write-file.ts";

/**
 * Keep bytes as a file of a folder, which is made if needed, and return its path. What is there already is never written over: if it
 * differs, the copy gets a number behind its name. Durable when it returns; only the owner may read it. Blocks.
 *
 * @throws {TsbakError} `denied` if it cannot be written, `no-space`.
 */
export function keepCopy(folder: string, name: string, bytes: Uint8Array): string {
  try {
    makeFolders(folder);
    for (let number = 1; ; number++) {
      const path = join(folder, number === 1 ? name : `${name}.${number}`);
      const before = readIfThere(path);
      if (before === undefined) writeDurably(folder, path, bytes);
      if (before === undefined || Buffer.compare(before, bytes) === 0) return path;
    }
  } catch (error) {
    throw new TsbakError(
      isSystemError(error) && /^(ENOSPC|EDQUOT)$/.test(error.code ?? "") ? "no-space" : "denied",
      `Cannot keep a copy of ${name} in ${folder}: ${describeSystemError(error)}; name a folder with enough room`,
      { cause: error },
    );
  }
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Under another name first, so that a copy is never there in part. */
function writeDurably(folder: string, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    const fd = openSync(temporary, "w", 0o600);
    try {
      writeFully(fd, bytes, 0);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const directory = openSync(folder, "r");
  try {
    // Without it the name itself can be lost.
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
