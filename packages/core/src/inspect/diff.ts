/**
 * What differs between two trees, in restic's terms.
 *
 * @module
 */
import { throwIfAborted } from "../async/interrupted.ts";
import type { CallOptions } from "../backend/backend.ts";
import { isTsbakError, type TsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import { joinPath, toPathBytes } from "../fs/path.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import { BlobMarks, type BlobSum } from "./blob-marks.ts";
import { hasSameContent, hasSameMetadata } from "./compare-nodes.ts";
import { pairByName } from "./pair-by-name.ts";

/** One entry that differs. */
export interface DiffChange {
  /** From the root of what is compared; a directory's ends with a slash. */
  readonly path: Uint8Array;
  /**
   * `+` added, `-` removed, or of what is on both sides: `T` the type changed, `M` the contents, `?` the contents although
   * nothing else did, `U` only metadata.
   */
  readonly modifier: string;
}

/** Entries that are on one side only. */
export interface EntryCounts {
  files: number;
  dirs: number;
  others: number;
}

/** What is on one side only: entries by their path, blobs wherever they are. */
export interface DiffSide extends EntryCounts, BlobSum {}

/** The sum of a comparison. */
export interface DiffStatistics {
  readonly changedFiles: number;
  readonly added: DiffSide;
  readonly removed: DiffSide;
  /** Directories that could not be read, so that nothing is known of what is in them. */
  readonly errors: number;
}

/** How to compare. */
export interface DiffOptions extends CallOptions {
  /** Report changes of metadata alone, too. */
  readonly metadata?: boolean | undefined;
  /** Told of each difference, parents first, names in the order of their bytes. */
  readonly onChange?: ((change: DiffChange) => void) | undefined;
  readonly onError?: ((path: Uint8Array, error: TsbakError) => void) | undefined;
}

const BEFORE = 1;
const AFTER = 2;
const COMMON = 4;
/** Trees whose blobs are all marked as common. */
const COLLECTED = 8;

/**
 * Compare the trees `before` and `after`. A directory below them that cannot be read is told to `onError` and counted.
 *
 * @throws {TsbakError} `corrupt` or `not-found` if one of the two themselves cannot be read.
 */
export async function diffTrees(
  repository: Repository,
  before: string,
  after: string,
  options: DiffOptions = {},
): Promise<DiffStatistics> {
  const index = await repository.loadIndex(options);
  const comparison = new Comparison(
    new TreeLoader(repository, index, options),
    new BlobMarks(index),
    options,
  );
  return comparison.run(before, after);
}

class Comparison {
  readonly #trees: TreeLoader;
  readonly #marks: BlobMarks;
  readonly #options: DiffOptions;
  readonly #added: EntryCounts = { files: 0, dirs: 0, others: 0 };
  readonly #removed: EntryCounts = { files: 0, dirs: 0, others: 0 };
  #changedFiles = 0;
  #errors = 0;

  constructor(trees: TreeLoader, marks: BlobMarks, options: DiffOptions) {
    this.#trees = trees;
    this.#marks = marks;
    this.#options = options;
  }

  async run(before: string, after: string): Promise<DiffStatistics> {
    this.#marks.add("tree", before, BEFORE);
    this.#marks.add("tree", after, AFTER);
    await this.#compareTrees(toPathBytes("/"), before, after);
    const all = BEFORE | AFTER | COMMON;
    return {
      changedFiles: this.#changedFiles,
      added: { ...this.#added, ...this.#marks.sum(all, AFTER) },
      removed: { ...this.#removed, ...this.#marks.sum(all, BEFORE) },
      errors: this.#errors,
    };
  }

  async #compareTrees(directory: Uint8Array, before: string, after: string): Promise<void> {
    const [old, current] = [await this.#load(before), await this.#load(after)];
    for (const [a, b] of pairByName(old, current, [nameOf, nameOf])) {
      throwIfAborted(this.#options.signal);
      if (a !== undefined) this.#markBlobs(a, BEFORE);
      if (b !== undefined) this.#markBlobs(b, AFTER);
      if (a === undefined) await this.#reportAll(directory, b as Node, "+");
      else if (b === undefined) await this.#reportAll(directory, a, "-");
      else await this.#compareNodes(directory, a, b);
    }
  }

  async #compareNodes(directory: Uint8Array, a: Node, b: Node): Promise<void> {
    const path = entryPath(directory, b);
    const modifier = this.#modifierOf(a, b);
    if (modifier !== "") this.#options.onChange?.({ path, modifier });
    const [before, after] = [subtreeOf(a), subtreeOf(b)];
    if (before === undefined || after === undefined) return;
    await this.#guard(path, () =>
      before === after
        ? this.#collectCommon(before)
        : this.#compareTrees(path.subarray(0, -1), before, after),
    );
  }

  #modifierOf(a: Node, b: Node): string {
    const type = a.type === b.type ? "" : "T";
    const isSame = hasSameContent(a, b);
    if (a.type === "file" && b.type === "file" && !isSame) {
      this.#changedFiles++;
      // Whoever writes to a file changes its times; a failing disk does not.
      return hasSameMetadata(a, b) ? "M?" : "M";
    }
    const isChanged = this.#options.metadata === true && !(isSame && hasSameMetadata(a, b));
    return isChanged ? `${type}U` : type;
  }

  /** An entry that is on one side only, and all below it. */
  async #reportAll(directory: Uint8Array, node: Node, modifier: "+" | "-"): Promise<void> {
    const path = entryPath(directory, node);
    this.#options.onChange?.({ path, modifier });
    const counts = modifier === "+" ? this.#added : this.#removed;
    if (node.type === "file") counts.files++;
    else if (node.type === "dir") counts.dirs++;
    else counts.others++;
    const subtree = subtreeOf(node);
    if (subtree === undefined) return;
    await this.#guard(path, async () => {
      for (const child of await this.#load(subtree)) {
        throwIfAborted(this.#options.signal);
        this.#markBlobs(child, modifier === "+" ? AFTER : BEFORE);
        await this.#reportAll(path.subarray(0, -1), child, modifier);
      }
    });
  }

  /** Blobs below a directory that did not change are on both sides, even if they are elsewhere on one only. */
  async #collectCommon(tree: string): Promise<void> {
    if (!this.#marks.add("tree", tree, COLLECTED)) return;
    for (const node of await this.#load(tree)) {
      throwIfAborted(this.#options.signal);
      this.#markBlobs(node, COMMON);
      const subtree = subtreeOf(node);
      if (subtree !== undefined) await this.#collectCommon(subtree);
    }
  }

  #markBlobs(node: Node, mark: number): void {
    if (node.type === "file")
      for (const id of node.content ?? []) this.#marks.add("data", id, mark);
    const subtree = subtreeOf(node);
    if (subtree !== undefined) this.#marks.add("tree", subtree, mark);
  }

  async #load(tree: string): Promise<Node[]> {
    return decodeTree(await this.#trees.load(tree));
  }

  async #guard(path: Uint8Array, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
      this.#errors++;
      this.#options.onError?.(path, error);
    }
  }
}

const nameOf = ({ name }: Node): Uint8Array => name;

function entryPath(directory: Uint8Array, node: Node): Uint8Array {
  const path = joinPath(directory, node.name);
  return node.type === "dir" ? Buffer.concat([path, Buffer.of(0x2f)]) : path;
}

function subtreeOf(node: Node): string | undefined {
  return node.type === "dir" ? node.subtree : undefined;
}
