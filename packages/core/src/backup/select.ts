import type { PatternList } from "../fs/filter.ts";
import type { FileStat } from "../fs/stat.ts";
import { nodeType } from "../fs/mode.ts";
import { joinPath } from "../fs/path.ts";

/** Why an entry is left out: for those who ask. */
export type Exclusion = "pattern" | "other-file-system" | "own-cache";

/** What a backup leaves out. */
export interface SelectOptions {
  /** Each list on its own may exclude. Patterns are matched against absolute paths. */
  readonly patternLists: readonly PatternList[];
  readonly oneFileSystem: boolean;
  /** Absolute path of our own cache, which is never saved. */
  readonly cacheDirectory: Uint8Array | undefined;
}

/** Decides what is saved. */
export class Selection {
  readonly #options: SelectOptions;

  constructor(options: SelectOptions) {
    this.#options = options;
  }

  get oneFileSystem(): boolean {
    return this.#options.oneFileSystem;
  }

  /** As `excludedByPath`; each character of `name` is one byte. */
  excludedByName(directory: Uint8Array, name: string): Exclusion | undefined {
    const { patternLists, cacheDirectory } = this.#options;
    // Saves making a path of every entry only to compare it with the cache's.
    const slashes = (cacheDirectory?.length ?? 0) - directory.length - name.length;
    const mayBeCache = slashes === 0 || slashes === 1;
    if (patternLists.length === 0 && !mayBeCache) return undefined;
    return this.excludedByPath(directory, Buffer.from(name, "latin1"));
  }

  /**
   * Why an entry is left out, or undefined; asked before it is looked at. `directory` is absolute; without a name it is
   * the entry itself.
   */
  excludedByPath(directory: Uint8Array, name?: Uint8Array): Exclusion | undefined {
    const { patternLists, cacheDirectory } = this.#options;
    if (patternLists.length === 0 && cacheDirectory === undefined) return undefined;
    const path = name === undefined ? directory : joinPath(directory, name);
    for (const list of patternLists) if (list.match(path)) return "pattern";
    if (cacheDirectory !== undefined && Buffer.compare(path, cacheDirectory) === 0) {
      return "own-cache";
    }
    return undefined;
  }

  /**
   * The same by its state. A mount point in a folder that is saved is kept as an empty folder: `parentDevice` is that
   * folder's device, `sourceDevice` the device of the source.
   */
  excludedByStat(
    stat: FileStat,
    sourceDevice: bigint,
    parentDevice: bigint,
  ): Exclusion | undefined {
    if (!this.#options.oneFileSystem || stat.deviceId === sourceDevice) return undefined;
    if (nodeType(stat.mode) === "dir" && parentDevice === sourceDevice) return undefined;
    return "other-file-system";
  }
}
