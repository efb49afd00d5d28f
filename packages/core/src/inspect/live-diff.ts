/**
 * What differs between a tree and a folder of the disk. What is there is compared as a backup would: a file whose size,
 * times and inode are the same is not read.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import { throwIfAborted } from "../async/interrupted.ts";
import { isTsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import { readDirectory } from "../fs/directory.ts";
import type { PatternList } from "../fs/filter.ts";
import { nodeType } from "../fs/mode.ts";
import { joinPath, toPathBytes } from "../fs/path.ts";
import { statFile } from "../fs/stat.ts";
import { describeSystemError, isSystemError } from "../fs/system-error.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import type { DiffOptions, EntryCounts } from "./diff.ts";
import { hasContents, hasRestoredMetadata, seemsUnchanged, type LiveEntry } from "./live-entry.ts";
import { pairByName } from "./pair-by-name.ts";

/** What to compare. */
export interface LiveComparison {
  readonly tree: string;
  /** Absolute path of the folder of the disk that the tree is compared with. */
  readonly folder: Uint8Array;
  /** True for a folder that was saved only in part: what it has on the disk alone is not new. Paths are from the tree's root. */
  readonly isPartial: (path: Uint8Array) => boolean;
}

/** How to compare. */
export interface LiveDiffOptions extends Omit<DiffOptions, "onError"> {
  /** Read all files; one with other contents although nothing else changed gets `M?`. */
  readonly readData?: boolean | undefined;
  /** Do not look into folders that are mount points. */
  readonly oneFileSystem?: boolean | undefined;
  /** What is on the disk alone and matches is not new. Patterns are matched against absolute paths of the disk. */
  readonly exclude?: PatternList | undefined;
  readonly onError?: ((path: Uint8Array, message: string) => void) | undefined;
}

/** What is on one side only, and the bytes of files that are so or differ. */
export interface LiveSide extends EntryCounts {
  bytes: number;
}

/** The sum of a comparison: what was added is on the disk, what was removed in the snapshot. */
export interface LiveDiffStatistics {
  readonly changedFiles: number;
  readonly added: LiveSide;
  readonly removed: LiveSide;
  /** Entries that could not be compared. */
  readonly errors: number;
}

/**
 * Compare a tree with the disk; `+` is on the disk alone. What cannot be read is told to `onError` and counted.
 *
 * @throws {TsbakError} `corrupt` or `not-found` if the root tree cannot be read.
 */
export async function diffWithDisk(
  repository: Repository,
  comparison: LiveComparison,
  options: LiveDiffOptions = {},
): Promise<LiveDiffStatistics> {
  const index = await repository.loadIndex(options);
  const trees = new TreeLoader(repository, index, options);
  const work = new DiskComparison(trees, index, comparison, options);
  await work.compareFolder(toPathBytes("/"), decodeTree(await trees.load(comparison.tree)));
  return work.statistics;
}

class DiskComparison {
  readonly statistics: Mutable<LiveDiffStatistics> = {
    changedFiles: 0,
    added: { files: 0, dirs: 0, others: 0, bytes: 0 },
    removed: { files: 0, dirs: 0, others: 0, bytes: 0 },
    errors: 0,
  };
  readonly #trees: TreeLoader;
  readonly #index: BlobIndex;
  readonly #comparison: LiveComparison;
  readonly #options: LiveDiffOptions;

  constructor(
    trees: TreeLoader,
    index: BlobIndex,
    comparison: LiveComparison,
    options: LiveDiffOptions,
  ) {
    this.#trees = trees;
    this.#index = index;
    this.#comparison = comparison;
    this.#options = options;
  }

  /** `path` is from the root of what is compared, as are all others here but those of `LiveEntry`. */
  async compareFolder(path: Uint8Array, nodes: readonly Node[]): Promise<void> {
    await setImmediate();
    const names = this.#listNames(path, nodes);
    if (names === undefined) return;
    for (const [node, name] of pairByName(nodes, names, [(node) => node.name, (name) => name])) {
      throwIfAborted(this.#options.signal);
      const inner = joinPath(path, node?.name ?? (name as Uint8Array));
      await this.#guard(inner, async () => {
        const live = name === undefined ? undefined : this.#look(inner);
        if (node !== undefined && live !== undefined) await this.#compareEntry(inner, node, live);
        else if (node !== undefined) await this.#reportRemoved(inner, node);
        else if (live !== undefined) await this.#reportAdded(inner, live);
      });
    }
  }

  /** Names on the disk; of a folder that was saved in part only those that the snapshot has. */
  #listNames(path: Uint8Array, nodes: readonly Node[]): Uint8Array[] | undefined {
    try {
      const names = readDirectory(this.#onDisk(path));
      if (!this.#comparison.isPartial(path)) return names;
      const known = new Set(nodes.map(({ name }) => Buffer.from(name).toString("latin1")));
      return names.filter((name) => known.has(Buffer.from(name).toString("latin1")));
    } catch (error) {
      this.#fail(path, describeSystemError(error));
      return undefined;
    }
  }

  async #compareEntry(path: Uint8Array, node: Node, live: LiveEntry): Promise<void> {
    const type = nodeType(live.stat.mode);
    const modifier =
      node.type !== type ? "T" : type === "file" ? await this.#compareFile(node, live) : "";
    const isChanged =
      this.#options.metadata === true && modifier !== "M" && modifier !== "M?"
        ? node.type !== type || !hasRestoredMetadata(node, live)
        : false;
    if (modifier !== "" || isChanged) {
      this.#report(path, isChanged ? `${modifier}U` : modifier, type === "dir");
    }
    if (node.type !== "dir" || type !== "dir" || node.subtree === undefined) return;
    if (this.#isEntered(path, live)) await this.compareFolder(path, await this.#load(node.subtree));
  }

  async #compareFile(node: Node, live: LiveEntry): Promise<string> {
    const isQuiet = seemsUnchanged(node, live);
    if (isQuiet && this.#options.readData !== true) return "";
    if (await hasContents(this.#index, node, live, this.#options.signal)) return "";
    this.statistics.changedFiles++;
    this.statistics.added.bytes += live.stat.size;
    this.statistics.removed.bytes += node.size;
    return isQuiet ? "M?" : "M";
  }

  async #reportAdded(path: Uint8Array, live: LiveEntry): Promise<void> {
    const type = nodeType(live.stat.mode);
    // A backup saves neither.
    if (type === "socket" || type === "irregular") return;
    if (this.#options.exclude?.match(live.path) === true) return;
    this.#report(path, "+", type === "dir");
    count(this.statistics.added, type, live.stat.size);
    if (type === "dir" && this.#isEntered(path, live)) await this.compareFolder(path, []);
  }

  async #reportRemoved(path: Uint8Array, node: Node): Promise<void> {
    this.#report(path, "-", node.type === "dir");
    count(this.statistics.removed, node.type, node.size);
    if (node.type !== "dir" || node.subtree === undefined) return;
    for (const child of await this.#load(node.subtree)) {
      throwIfAborted(this.#options.signal);
      const inner = joinPath(path, child.name);
      await this.#guard(inner, () => this.#reportRemoved(inner, child));
    }
  }

  #isEntered(path: Uint8Array, { stat }: LiveEntry): boolean {
    if (this.#options.oneFileSystem !== true) return true;
    const above = path.subarray(0, Math.max(path.lastIndexOf(0x2f), 1));
    return statFile(this.#onDisk(above)).deviceId === stat.deviceId;
  }

  /** Undefined for what vanished since its folder was read. */
  #look(path: Uint8Array): LiveEntry | undefined {
    const place = this.#onDisk(path);
    try {
      return { path: place, stat: statFile(place) };
    } catch (error) {
      if (isSystemError(error) && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  #onDisk(path: Uint8Array): Uint8Array {
    return path.length === 1
      ? this.#comparison.folder
      : joinPath(this.#comparison.folder, path.subarray(1));
  }

  async #load(tree: string): Promise<Node[]> {
    return decodeTree(await this.#trees.load(tree));
  }

  #report(path: Uint8Array, modifier: string, isDirectory: boolean): void {
    const shown = isDirectory ? Buffer.concat([path, Buffer.of(0x2f)]) : path;
    this.#options.onChange?.({ path: shown, modifier });
  }

  async #guard(path: Uint8Array, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isTsbakError(error)) {
        if (error.code !== "corrupt" && error.code !== "not-found") throw error;
        this.#fail(path, error.message);
      } else this.#fail(path, describeSystemError(error));
    }
  }

  #fail(path: Uint8Array, message: string): void {
    this.statistics.errors++;
    this.#options.onError?.(path, message);
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function count(side: LiveSide, type: string, size: number): void {
  if (type === "dir") side.dirs++;
  else if (type !== "file") side.others++;
  else {
    side.files++;
    side.bytes += size;
  }
}
