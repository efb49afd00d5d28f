import type { Dirent } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { KIND_FOLDERS, throwIfAborted } from "@tsbak/core";
import type { CallOptions, MisplacedPack, MisplacedPacks } from "@tsbak/core";

import { localError } from "./local-error.ts";
import { readLocalFile } from "./local-read.ts";
import { isMisplaced, SEARCHED_DEPTH } from "./misplaced.ts";

/** The packs in wrong folders of a repository on this machine. */
export class LocalMisplacedPacks implements MisplacedPacks {
  readonly #location: string;

  constructor(location: string) {
    this.#location = location;
  }

  async list(options: CallOptions = {}): Promise<readonly MisplacedPack[]> {
    const found: MisplacedPack[] = [];
    await this.#search(KIND_FOLDERS.pack, SEARCHED_DEPTH, found, options);
    return found;
  }

  async read({ path }: MisplacedPack, options: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    throwIfAborted(options.signal);
    try {
      return await readLocalFile(join(this.#location, path), undefined, undefined);
    } catch (error) {
      throw localError(error, `Cannot read ${path} from ${this.#location}`);
    }
  }

  async remove({ path }: MisplacedPack, options: CallOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    try {
      await rm(join(this.#location, path), { force: true });
    } catch (error) {
      throw localError(error, `Cannot remove ${path} from ${this.#location}`);
    }
  }

  async #search(
    folder: string,
    depth: number,
    found: MisplacedPack[],
    { signal }: CallOptions,
  ): Promise<void> {
    for (const entry of await readFolder(join(this.#location, folder))) {
      throwIfAborted(signal);
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory() && depth > 0) await this.#search(path, depth - 1, found, { signal });
      if (!entry.isFile() || !isMisplaced(folder, entry.name)) continue;
      const stats = await stat(join(this.#location, path)).catch(() => undefined);
      if (stats?.isFile()) found.push({ name: entry.name, size: stats.size, path });
    }
  }
}

/** Nothing of one that cannot be read, such as `lost+found`. */
async function readFolder(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch {
    return [];
  }
}
