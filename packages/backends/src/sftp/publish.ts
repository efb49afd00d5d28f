/**
 * How a file comes to its name on a server, so that a crash at any instant leaves all of it or none:
 *
 *   (1) The bytes go to a temporary name in the same folder, which no listing shows.
 *   (2) They are synced, so that the name never refers to bytes that a power loss can take.
 *   (3) A hard link publishes them, which fails if the name exists. Where the server has no links, a rename that the protocol wants
 *       to fail likewise; for servers that replace nevertheless, it is looked at first. To replace a file there is posix-rename@openssh.com.
 *   (4) The folder is synced, because the name itself lives there.
 *
 * A server without fsync@openssh.com syncs when it likes. Requests are sent without waiting for the answer to the one before where
 * servers must keep the order because they concern one file (section 4 of the draft); OpenSSH keeps it among all, and (4) relies on
 * that. So a file takes three round trips and its bytes.
 *
 * @module
 */
import { throwIfAborted, TsbakError } from "@tsbak/core";
import type { CallOptions } from "@tsbak/core";

import type { Handle, SftpClient } from "./client.ts";
import { hasStatus, StatusError } from "./status-error.ts";
import { upload } from "./transfer.ts";

/** A file to be made. */
export interface NewFile {
  readonly folder: string;
  /** Of the file, and of the one that holds its bytes until they are complete; both in `folder`. */
  readonly path: string;
  readonly temporary: string;
  /** While it is written; nobody may write it afterwards. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/**
 * Store a file unless its name is there; its folder must be. The temporary file may be left if it fails.
 *
 * @throws {TsbakError} `already-exists`, `no-space`.
 * @throws {StatusError} `noSuchFile` if the folder is not there.
 */
export function publishFile(
  client: SftpClient,
  file: NewFile,
  options: CallOptions,
): Promise<void> {
  return put(client, file, giveName, options);
}

/**
 * Store a file in the place of the one that has its name, in one step. The temporary file may be left if it fails.
 *
 * @throws {TsbakError} `unsupported` if the server's rename never replaces; nothing was done. `no-space`.
 * @throws {StatusError} `permissionDenied` also where a file that is read-only cannot be replaced.
 */
export async function replaceFile(
  client: SftpClient,
  file: NewFile,
  options: CallOptions,
): Promise<void> {
  if (!client.can("posix-rename")) {
    throw new TsbakError("unsupported", "the server replaces no files in one step");
  }
  await put(client, file, takeName, options);
}

type Naming = (
  client: SftpClient,
  file: NewFile,
  folder: Handle | undefined,
  options: CallOptions,
) => Promise<void>;

async function put(
  client: SftpClient,
  file: NewFile,
  name: Naming,
  options: CallOptions,
): Promise<void> {
  const folder = openFolder(client, file.folder);
  try {
    const handle = await client.openToWrite(file.temporary, file.mode, options);
    await fill(client, handle, file, options);
    const closed = client.close(handle);
    // A full disk may be told only here, unless the bytes are synced.
    if (client.can("fsync")) closed.catch(() => undefined);
    else await closed;
    throwIfAborted(options.signal);
    await name(client, file, await folder, options);
  } catch (error) {
    throw await explain(client, file, error);
  } finally {
    void folder.then((handle) => handle && client.closeLater(handle));
  }
}

/**
 * Remove a file. If `isDurable`, it does not come back after a power loss.
 *
 * @throws {StatusError} If the server refuses.
 */
export async function removeFile(
  client: SftpClient,
  path: string,
  folderPath: string,
  { isDurable, signal }: CallOptions & { readonly isDurable: boolean },
): Promise<void> {
  const folder = isDurable ? openFolder(client, folderPath) : Promise.resolve(undefined);
  try {
    await client.remove(path, { signal });
    await syncFolder(client, await folder, { signal });
  } finally {
    void folder.then((handle) => handle && client.closeLater(handle));
  }
}

/** Write and sync the temporary file; close it if that fails. */
async function fill(
  client: SftpClient,
  handle: Handle,
  file: NewFile,
  options: CallOptions,
): Promise<void> {
  try {
    const { stored } = await upload(client, handle, file.bytes, options);
    // A protection against accidents only; servers without modes refuse it, and restic ignores that too.
    const readOnly = client.setModeOpen(handle, file.mode & 0o444, options).catch(ignoreStatus);
    const synced = client.can("fsync") ? client.sync(handle, options) : undefined;
    await Promise.all([stored, readOnly, synced]);
  } catch (error) {
    client.closeLater(handle);
    throw error;
  }
}

async function giveName(
  client: SftpClient,
  file: NewFile,
  folder: Handle | undefined,
  options: CallOptions,
): Promise<void> {
  if (client.can("hardlink")) {
    const linked = client.link(file.temporary, file.path, options);
    const [link] = await Promise.allSettled([linked, syncFolder(client, folder, options)]);
    if (link.status === "fulfilled") return client.removeLater(file.temporary);
    ignoreStatus(link.reason);
    // The name is there, or the file system has no links.
  }
  await refuseExisting(client, file.path, options);
  try {
    await client.rename(file.temporary, file.path, options);
  } catch (error) {
    await refuseExisting(client, file.path, options);
    throw error;
  }
  await syncFolder(client, folder, options);
}

async function takeName(
  client: SftpClient,
  file: NewFile,
  folder: Handle | undefined,
  options: CallOptions,
): Promise<void> {
  await client.renameOver(file.temporary, file.path, options);
  await syncFolder(client, folder, options);
}

async function refuseExisting(
  client: SftpClient,
  path: string,
  options: CallOptions,
): Promise<void> {
  try {
    await client.stat(path, options);
  } catch (error) {
    if (hasStatus(error, "noSuchFile")) return;
    throw error;
  }
  throw new TsbakError("already-exists", "it is there already");
}

/** Undefined where it cannot be synced. */
async function openFolder(client: SftpClient, path: string): Promise<Handle | undefined> {
  if (!client.can("fsync")) return undefined;
  try {
    return await client.openToRead(path);
  } catch {
    // Of other servers than OpenSSH's most open no folders as files. If the connection is lost, others say so.
    return undefined;
  }
}

async function syncFolder(
  client: SftpClient,
  folder: Handle | undefined,
  options: CallOptions,
): Promise<void> {
  if (folder === undefined) return;
  try {
    await client.sync(folder, options);
  } catch (error) {
    ignoreStatus(error);
  }
}

function ignoreStatus(error: unknown): void {
  if (!(error instanceof StatusError)) throw error;
}

/** The protocol has no word for a full disk, so the disk is asked. */
async function explain(client: SftpClient, file: NewFile, error: unknown): Promise<unknown> {
  if (!hasStatus(error, "failure") || !client.can("statvfs")) return error;
  try {
    const { freeBytes, freeFiles } = await client.findRoom(file.folder);
    if (freeFiles > 0 && freeBytes >= file.bytes.length) return error;
  } catch {
    return error;
  }
  return new TsbakError("no-space", "the server's disk is full; make room and repeat", {
    cause: error,
  });
}
