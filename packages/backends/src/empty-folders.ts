import * as fs from "node:fs/promises";
import { join } from "node:path";

import { FIRST_FOLDERS, KIND_FOLDERS, throwIfAborted } from "@tsbak/core";

import { errnoOf, localError } from "./local-error.ts";

/** Remove the folders of a repository in `root`, and `root` itself. What is not empty, or not there, stays as it is. */
export async function removeEmptyFolders(
  root: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const prefixes = Array.from({ length: 256 }, (_, prefix) =>
    join(KIND_FOLDERS.pack, prefix.toString(16).padStart(2, "0")),
  );
  for (const name of [...prefixes, ...FIRST_FOLDERS, KIND_FOLDERS.trash, "tsbak", ""]) {
    throwIfAborted(signal);
    await removeIfEmpty(join(root, name));
  }
}

async function removeIfEmpty(path: string): Promise<void> {
  try {
    await fs.rmdir(path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOENT") return;
    throw localError(error, `Cannot remove the folder ${path}`);
  }
}
