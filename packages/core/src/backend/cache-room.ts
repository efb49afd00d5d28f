import { futimesSync, fstatSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { isId } from "../bytes/hex.ts";

/**
 * Keeps the files of all caches below one folder within a size: what was used longest ago goes first, whoever put it there. When a
 * file was used is what the file system says of it, so that it outlives the process and counts restic's use as well.
 *
 * The folder is looked through before the first file is stored. Methods throw what the file system throws.
 */
export class CacheRoom {
  readonly #base: string;
  readonly #limit: number;
  /** Sizes by path, the longest unused first; undefined until the folder was looked through. */
  #files: Map<string, number> | undefined;
  #total = 0;
  readonly #touched = new Set<string>();

  /** @param limit In bytes. */
  constructor(base: string, limit: number) {
    this.#base = base;
    this.#limit = limit;
  }

  /** Remove what must go before so many bytes may come. False if they are too many in any case. */
  makeRoom(size: number): boolean {
    if (size > this.#limit) return false;
    const files = this.#scanned();
    for (const path of files.keys()) {
      if (this.#total + size <= this.#limit) break;
      rmSync(path, { force: true });
      this.noteRemoved(path);
    }
    return true;
  }

  noteStored(path: string, size: number): void {
    this.noteRemoved(path);
    this.#scanned().set(path, size);
    this.#total += size;
    this.#touched.add(path);
  }

  noteRemoved(path: string): void {
    this.#total -= this.#files?.get(path) ?? 0;
    this.#files?.delete(path);
    this.#touched.delete(path);
  }

  /** A file is in use, which is noted in its access time; many file systems would do that once a day only. */
  noteUsed(path: string, descriptor: number): void {
    if (this.#touched.has(path)) return;
    this.#touched.add(path);
    futimesSync(descriptor, new Date(), fstatSync(descriptor).mtime);
    const size = this.#files?.get(path);
    if (size === undefined) return;
    this.#files?.delete(path);
    this.#files?.set(path, size);
  }

  #scanned(): Map<string, number> {
    if (this.#files !== undefined) return this.#files;
    const found = [...filesBelow(this.#base)].sort((a, b) => a.usedMs - b.usedMs);
    this.#total = found.reduce((sum, { size }) => sum + size, 0);
    return (this.#files = new Map(found.map(({ path, size }) => [path, size])));
  }
}

interface FoundFile {
  readonly path: string;
  readonly size: number;
  readonly usedMs: number;
}

/** The files of all caches, also those that were never completed. */
function* filesBelow(base: string): Generator<FoundFile> {
  for (const cache of readdirSync(base).filter(isId)) {
    for (const folder of ["data", "index", "snapshots"]) {
      for (const prefix of namesIn(join(base, cache, folder))) {
        for (const name of namesIn(join(base, cache, folder, prefix))) {
          const path = join(base, cache, folder, prefix, name);
          const stats = statSync(path, { throwIfNoEntry: false });
          if (!stats?.isFile() || !(isId(name) || name.startsWith("tmp-"))) continue;
          yield { path, size: stats.size, usedMs: Math.max(stats.atimeMs, stats.mtimeMs) };
        }
      }
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
