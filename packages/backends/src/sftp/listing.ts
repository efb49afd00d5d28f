import { isId, TsbakError } from "@tsbak/core";
import type { CallOptions, FileInfo } from "@tsbak/core";

import type { FolderEntry, SftpClient } from "./client.ts";
import type { FileAttributes } from "./packet.ts";
import { hasStatus } from "./status-error.ts";

const TYPE_MASK = 0o170000;
const FOLDER = 0o040000;
const REGULAR_FILE = 0o100000;

/** True unless the server says that it is something else. */
export function isFolder({ mode }: FileAttributes): boolean {
  return mode === undefined || (mode & TYPE_MASK) === FOLDER;
}

function isFile({ mode }: FileAttributes): boolean {
  return mode === undefined || (mode & TYPE_MASK) === REGULAR_FILE;
}

/** @throws {TsbakError} `unavailable` if the server does not tell the size. */
export function sizeOf({ size }: FileAttributes): number {
  if (size !== undefined) return size;
  throw new TsbakError("unavailable", "the server does not tell the size of files");
}

/** The folders of packs, `00` to `ff`, that are there. What lies in one of another name is not found by its name. */
export async function listPrefixes(
  client: SftpClient,
  path: string,
  options: CallOptions,
): Promise<string[]> {
  const entries = await readFolder(client, path, options);
  return entries.map(({ name }) => name).filter((name) => /^[0-9a-f]{2}$/.test(name));
}

/** The files of one folder whose names are ids and begin with `prefix`; none if there is no such folder. */
export async function listFiles(
  client: SftpClient,
  path: string,
  prefix: string,
  options: CallOptions,
): Promise<FileInfo[]> {
  const entries = await readFolder(client, path, options);
  const files = entries.filter(({ name }) => isId(name) && name.startsWith(prefix));
  const infos = files.map((entry) => describe(client, path, entry, options));
  return (await Promise.all(infos)).filter((info) => info !== undefined);
}

/** A folder, or a file. */
export interface EntryInfo {
  readonly name: string;
  readonly isFolder: boolean;
  /** In bytes; 0 for a folder. */
  readonly size: number;
}

/** The folders below one, and the files in it whose names are ids. Links are left out. */
export async function listEntries(
  client: SftpClient,
  path: string,
  options: CallOptions,
): Promise<EntryInfo[]> {
  const entries = await readFolder(client, path, options);
  const infos: EntryInfo[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (name === "." || name === "..") continue;
    if (entry.mode !== undefined && isFolder(entry)) {
      infos.push({ name, isFolder: true, size: 0 });
    } else if (isId(name)) {
      const file = await describe(client, path, entry, options);
      if (file !== undefined) infos.push({ name, isFolder: false, size: file.size });
    }
  }
  return infos;
}

/** Each name once, even if the folder changes while it is read. */
async function readFolder(
  client: SftpClient,
  path: string,
  options: CallOptions,
): Promise<FolderEntry[]> {
  const entries = new Map<string, FolderEntry>();
  try {
    for await (const some of client.readFolder(path, options)) {
      for (const entry of some) entries.set(entry.name, entry);
    }
  } catch (error) {
    if (!hasStatus(error, "noSuchFile")) throw error;
  }
  return [...entries.values()];
}

/** Undefined for what is no file. */
async function describe(
  client: SftpClient,
  folder: string,
  entry: FolderEntry,
  options: CallOptions,
): Promise<FileInfo | undefined> {
  const { name } = entry;
  if (!isFile(entry)) return undefined;
  // Only some servers tell all of it in a listing.
  const isKnown = entry.mode !== undefined && entry.size !== undefined;
  const attributes = isKnown ? entry : await client.stat(`${folder}/${name}`, options);
  if (!isFile(attributes)) return undefined;
  const modifiedMs = attributes.modified === undefined ? undefined : attributes.modified * 1000;
  return { name, size: sizeOf(attributes), modifiedMs };
}
