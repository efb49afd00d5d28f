import { KIND_FOLDERS } from "@tsbak/core";
import type { CallOptions, MisplacedPack, MisplacedPacks } from "@tsbak/core";

import { isMisplaced, SEARCHED_DEPTH } from "../misplaced.ts";
import type { SftpClient } from "./client.ts";
import { listEntries, type EntryInfo } from "./listing.ts";
import { removeFile } from "./publish.ts";
import { hasStatus, StatusError } from "./status-error.ts";
import { download } from "./transfer.ts";

/** How a call is made on one of the store's connections; `action` is for messages: `read data/ab/cd01 from`. */
type Use = <T>(
  action: string,
  options: CallOptions & { readonly isLarge?: boolean },
  work: (client: SftpClient) => Promise<T>,
) => Promise<T>;

/** Folders that are listed at once. */
const FOLDERS_AT_ONCE = 128;

/** The packs in wrong folders of a repository on a server. `pathOf` gives the server's path of one below the repository. */
export class SftpMisplacedPacks implements MisplacedPacks {
  readonly #use: Use;
  readonly #pathOf: (path: string) => string;

  constructor(use: Use, pathOf: (path: string) => string) {
    this.#use = use;
    this.#pathOf = pathOf;
  }

  async list(options: CallOptions = {}): Promise<readonly MisplacedPack[]> {
    const found: MisplacedPack[] = [];
    let folders: string[] = [KIND_FOLDERS.pack];
    for (let depth = 0; depth <= SEARCHED_DEPTH; depth++) {
      const below: string[] = [];
      for (let at = 0; at < folders.length; at += FOLDERS_AT_ONCE) {
        const some = folders.slice(at, at + FOLDERS_AT_ONCE);
        const listings = some.map((folder) => this.#listFolder(folder, options));
        for (const [number, entries] of (await Promise.all(listings)).entries()) {
          sort(some[number] as string, entries, found, below);
        }
      }
      folders = below;
    }
    return found;
  }

  read({ path }: MisplacedPack, options: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const use = { ...options, isLarge: true };
    return this.#use(`read ${path} from`, use, async (client) => {
      const { bytes } = await download(client, this.#pathOf(path), undefined, options);
      return bytes;
    });
  }

  async remove({ path }: MisplacedPack, options: CallOptions = {}): Promise<void> {
    const { signal } = options;
    const full = this.#pathOf(path);
    const folder = full.slice(0, full.lastIndexOf("/"));
    await this.#use(`remove ${path} from`, options, async (client) => {
      try {
        await removeFile(client, full, folder, { isDurable: false, signal });
      } catch (error) {
        if (!hasStatus(error, "noSuchFile")) throw error;
      }
    });
  }

  /** Nothing of one that cannot be read, such as `lost+found`. */
  #listFolder(folder: string, options: CallOptions): Promise<EntryInfo[]> {
    return this.#use(`list ${folder} in`, options, async (client) => {
      try {
        return await listEntries(client, this.#pathOf(folder), options);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        return [];
      }
    });
  }
}

function sort(
  folder: string,
  entries: readonly EntryInfo[],
  found: MisplacedPack[],
  below: string[],
): void {
  for (const { name, isFolder, size } of entries) {
    const path = `${folder}/${name}`;
    if (isFolder) below.push(path);
    else if (isMisplaced(folder, name)) found.push({ name, size, path });
  }
}
