import { open, type FileHandle } from "node:fs/promises";

import { TsbakError } from "@tsbak/core";
import type { ByteRange, OpenFile } from "@tsbak/core";

import { BLOCK_SIZE, openPastCache, readPastCache } from "./direct-read.ts";
import { memoryFor } from "./memory-for.ts";

/**
 * Read a file, or a range of it, to the memory that is lent if that is long enough. Throws the system's error.
 *
 * @throws {TsbakError} `corrupt` if the range ends beyond the end of the file.
 */
export async function readLocalFile(
  path: string,
  range: ByteRange | undefined,
  into: ArrayBuffer | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await open(path, "r");
  try {
    const wanted = range ?? { offset: 0, length: (await handle.stat()).size };
    const bytes = into && (await readPastCache(path, handle.fd, wanted, into));
    return bytes ?? (await readExactly(handle, wanted.offset, memoryFor(wanted.length, into)));
  } finally {
    await handle.close();
  }
}

/** Open a file for other threads, past the page cache unless it is there. Throws the system's error. */
export async function openLocalFile(path: string): Promise<OpenFile> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const direct = await openPastCache(path, handle.fd, { offset: 0, length: size });
    if (direct === undefined) return asOpenFile(handle, size, 1);
    await handle.close();
    return asOpenFile(direct, size, BLOCK_SIZE);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function asOpenFile(handle: FileHandle, size: number, alignment: number): OpenFile {
  return { descriptor: handle.fd, size, alignment, close: () => handle.close() };
}

/** Fill `bytes` from `offset` on, and return it. */
async function readExactly(
  handle: FileHandle,
  offset: number,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { length } = bytes;
  for (let at = 0; at < length;) {
    const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
    if (bytesRead === 0) {
      throw new TsbakError("corrupt", `${offset + length} bytes are wanted of ${offset + at}`);
    }
    at += bytesRead;
  }
  return bytes;
}
