import { open } from "node:fs/promises";

import { errnoOf } from "./local-error.ts";

/** Make the names in a folder durable, as far as the file system can. Throws the system's error. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder and say so; a disk that failed says EIO.
    const code = errnoOf(error);
    if (code !== "EINVAL" && code !== "ENOTSUP" && code !== "EOPNOTSUPP") throw error;
  } finally {
    await handle.close();
  }
}
