import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isId } from "../bytes/hex.ts";

/** The kinds of files that a cache may hold, and their folders in it (restic format, section 13). */
const FOLDERS = { snapshot: "snapshots", index: "index", pack: "data" } as const;

/** A kind of file that a cache may hold. */
export type CachedKind = keyof typeof FOLDERS;

/**
 * Looks at the cache of a repository without changing it, after damage. `CachedBackend` drops what the repository no longer has; here
 * that is just what is wanted. Nothing is authenticated. Whatever goes wrong, the file is not there.
 */
export class CacheReader {
  readonly #folder: string;

  /** `base` is the folder of all caches, `id` the repository's. */
  constructor(base: string, id: string) {
    this.#folder = join(base, id);
  }

  /** Names of the files of a kind. */
  list(kind: CachedKind): string[] {
    const folder = join(this.#folder, FOLDERS[kind]);
    const names = (path: string): string[] => {
      try {
        return readdirSync(path);
      } catch {
        return [];
      }
    };
    return names(folder)
      .flatMap((prefix) => names(join(folder, prefix)))
      .filter(isId);
  }

  /** A whole file. */
  read(kind: CachedKind, name: string): Uint8Array<ArrayBuffer> | undefined {
    try {
      const path = join(this.#folder, FOLDERS[kind], name.slice(0, 2), name);
      return new Uint8Array(readFileSync(path));
    } catch {
      return undefined;
    }
  }
}
