import * as fs from "node:fs/promises";
import { dirname } from "node:path";

import { describeFile, isTsbakError, throwIfAborted } from "@tsbak/core";
import type { CallOptions, FileRef, RemoveFailure } from "@tsbak/core";

import { errnoOf, localError } from "./local-error.ts";
import { syncFolder } from "./sync-folder.ts";

/** A file to be removed. */
export interface DoomedFile {
  readonly ref: FileRef;
  readonly path: string;
}

/**
 * Remove files below `location`, then sync the folders that they were in, each once: an index that comes back after a power loss would name
 * packs that are gone. A pack or a lock that comes back is harmless. Gives those that could not be removed.
 *
 * @throws {TsbakError} `interrupted`, or why a folder cannot be synced.
 */
export async function removeLocalFiles(
  location: string,
  files: readonly DoomedFile[],
  { signal }: CallOptions,
): Promise<readonly RemoveFailure[]> {
  const failures: RemoveFailure[] = [];
  const folders = new Set<string>();
  for (const { ref, path } of files) {
    throwIfAborted(signal);
    const failure = `Cannot remove ${describeFile(ref)} from ${location}`;
    try {
      await unlessGone(fs.rm(path, { force: true }), failure);
      if (ref.kind !== "pack" && ref.kind !== "lock") folders.add(dirname(path));
    } catch (error) {
      if (!isTsbakError(error)) throw error;
      failures.push({ ref, error });
    }
  }
  for (const folder of folders)
    await unlessGone(syncFolder(folder), `Cannot remove files from ${folder} for good`);
  return failures;
}

async function unlessGone(work: Promise<void>, failure: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw localError(error, failure);
  }
}
