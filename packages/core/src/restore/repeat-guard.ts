import { fromHex } from "../bytes/hex.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { TreeReader } from "../repository/tree-reader.ts";

/** What guarding takes. */
export interface GuardParts {
  readonly index: BlobIndex;
  readonly trees: TreeReader;
}

/** Directories that are met again before anyone counts: copies of folders, and those that are alike by chance, are many on any disk. */
const REPEATS_TO_COUNT = 10_000;
/** More entries than a file system is made with, or a restore can remember. */
const MOST_ENTRIES = 2 ** 30;

/**
 * Stops a restore that would never end: forty forged trees, each of which holds the next one twice, are a million million
 * directories. Whole trees are counted once, when many were met again.
 */
export class RepeatGuard {
  readonly #root: string;
  readonly #parts: GuardParts;
  readonly #isMet: Uint8Array;
  #repeats = 0;

  /** `root` is the tree whose entries are counted. */
  constructor(root: string, parts: GuardParts) {
    this.#root = root;
    this.#parts = parts;
    this.#isMet = new Uint8Array(parts.index.size);
  }

  /**
   * A tree is about to be restored.
   *
   * @throws {TsbakError} `corrupt` if there are more entries below the root than can ever be restored.
   */
  async enter(tree: string): Promise<void> {
    const entry = this.#parts.index.find("tree", fromHex(tree));
    if (entry < 0) return;
    if (this.#isMet[entry] === 0) this.#isMet[entry] = 1;
    else if (++this.#repeats === REPEATS_TO_COUNT) await this.#count();
  }

  async #count(): Promise<void> {
    const entries = await countEntries(this.#root, this.#parts);
    if (entries <= MOST_ENTRIES) return;
    throw new TsbakError(
      "corrupt",
      `Cannot restore everything: the snapshot has ${entries.toPrecision(3)} entries, because its directories hold each other over and over; name what is needed with --include`,
    );
  }
}

interface CountedTree {
  readonly entry: number;
  readonly subtrees: readonly string[];
  next: number;
  sum: number;
}

/** Entries at all paths below a tree; each tree is read once, however often it is met. Trees that cannot be read count as empty. */
async function countEntries(root: string, { index, trees }: GuardParts): Promise<number> {
  /** Of each tree by its number in the index: its entries, or -1 if nobody has counted them. */
  const known = new Float64Array(index.size).fill(-1);
  const open = async (tree: string): Promise<CountedTree> => {
    const nodes = await tryLoad(trees, tree);
    const subtrees = nodes.flatMap(({ subtree }) => (subtree === undefined ? [] : [subtree]));
    const entry = index.find("tree", fromHex(tree));
    return { entry, subtrees, next: 0, sum: nodes.length };
  };
  const way = [await open(root)];
  for (;;) {
    const top = way.at(-1) as CountedTree;
    const subtree = top.subtrees[top.next++];
    if (subtree !== undefined) {
      const entry = index.find("tree", fromHex(subtree));
      const count = entry < 0 ? 0 : (known[entry] as number);
      if (count >= 0) top.sum += count;
      else way.push(await open(subtree));
      continue;
    }
    known[top.entry] = top.sum;
    way.pop();
    const above = way.at(-1);
    if (above === undefined) return top.sum;
    above.sum += top.sum;
  }
}

async function tryLoad(trees: TreeReader, tree: string): Promise<readonly Node[]> {
  try {
    return await trees.nodes(tree);
  } catch (error) {
    if (isTsbakError(error, "corrupt") || isTsbakError(error, "not-found")) return [];
    throw error;
  }
}
