import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

/** What a disk may demand of places and lengths. */
const BLOCK_SIZE = 4096;
/** Below this the page cache is no burden. */
const MIN_SIZE = 1 << 20;
/** More at once would keep `signal` waiting. */
const STEP_SIZE = 64 << 20;

/**
 * Write the start of `bytes` to the file at `path` past the page cache, where the system can, and return its length: 0 or
 * whole blocks. The rest is left to the caller, who syncs the file in any case.
 *
 * What is written once and synced at once gains nothing from the page cache, where it costs a copy and new memory, and
 * drives out what others need. The kernel takes only memory that begins with a block, as that of packs does.
 */
export async function writeDirectly(
  path: string,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<number> {
  const flag = constants.O_DIRECT as number | undefined;
  if (flag === undefined || bytes.length < MIN_SIZE) return 0;
  let file: FileHandle;
  try {
    file = await open(path, constants.O_WRONLY | flag);
  } catch {
    return 0;
  }
  try {
    return await writeBlocks(file, bytes, signal);
  } finally {
    await file.close();
  }
}

async function writeBlocks(
  file: FileHandle,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number> {
  const end = bytes.length - (bytes.length % BLOCK_SIZE);
  let at = 0;
  try {
    while (at < end && signal?.aborted !== true) {
      const { bytesWritten } = await file.write(bytes, at, Math.min(STEP_SIZE, end - at), at);
      at += bytesWritten - (bytesWritten % BLOCK_SIZE);
      if (bytesWritten === 0 || bytesWritten % BLOCK_SIZE !== 0) break;
    }
  } catch {
    // The kernel or the file system does not like it this way. Whatever is really wrong, such as a full disk, shows
    // when the caller writes the rest.
  }
  return at;
}
