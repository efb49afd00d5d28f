import { posix } from "node:path";

import type { CallOptions } from "@tsbak/core";

import type { SftpClient } from "./client.ts";
import { isFolder } from "./listing.ts";
import { hasStatus, StatusError } from "./status-error.ts";

/**
 * Make a folder with this mode, whatever the server's umask is. One that is there stays as it is.
 *
 * @throws {StatusError} `noSuchFile` if the folder around it is not there, or another if the server refuses.
 */
export async function makeFolder(
  client: SftpClient,
  path: string,
  mode: number,
  options: CallOptions,
): Promise<void> {
  try {
    await client.makeFolder(path, mode, options);
  } catch (error) {
    if (!(error instanceof StatusError) || hasStatus(error, "noSuchFile")) throw error;
    // Servers do not say that it is there already, only that it did not work.
    if (await isThere(client, path, options)) return;
    throw error;
  }
  try {
    await client.setMode(path, mode, options);
  } catch (error) {
    // Servers without modes refuse it.
    if (!(error instanceof StatusError)) throw error;
  }
}

/**
 * The same, with all folders around it that are missing.
 *
 * @throws {StatusError} If the server refuses.
 */
export async function makeFolderWithParents(
  client: SftpClient,
  path: string,
  mode: number,
  options: CallOptions,
): Promise<void> {
  try {
    await makeFolder(client, path, mode, options);
  } catch (error) {
    const parent = posix.dirname(path);
    if (!hasStatus(error, "noSuchFile") || parent === path) throw error;
    await makeFolderWithParents(client, parent, mode, options);
    await makeFolder(client, path, mode, options);
  }
}

async function isThere(client: SftpClient, path: string, options: CallOptions): Promise<boolean> {
  try {
    return isFolder(await client.stat(path, options));
  } catch (error) {
    if (error instanceof StatusError) return false;
    throw error;
  }
}
