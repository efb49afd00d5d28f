import { Breath } from "../async/breath.ts";
import type { CallOptions } from "../backend/backend.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import type { BlobIndex } from "./blob-index.ts";
import type { Repository } from "./repository.ts";
import { TreeLoader } from "./tree-loader.ts";

/** Entries that are held for whoever has not asked yet. */
const MOST_AHEAD = 100_000;
/** In milliseconds: so long everything else waits while trees are read ahead. */
const TURN_MS = 2;

/**
 * Reads trees and decodes them, and can begin before it is certain which are wanted: a tree is what its id says whenever it is read, so
 * that what was read ahead can be useless, but not stale.
 */
export class TreeReader {
  /** Where the trees are looked up. */
  readonly index: BlobIndex;
  readonly #loader: TreeLoader;
  readonly #ahead = new Map<string, Node[]>();
  #isAsked = false;

  constructor(repository: Repository, index: BlobIndex, options: CallOptions = {}) {
    this.index = index;
    this.#loader = new TreeLoader(repository, index, options);
  }

  /**
   * The entries of a tree, which are the caller's own.
   *
   * @throws {TsbakError} `not-found` or `corrupt` if no copy can be read, or `interrupted`.
   */
  async nodes(id: string): Promise<Node[]> {
    this.#isAsked = true;
    const ahead = this.#ahead.get(id);
    this.#ahead.delete(id);
    return ahead ?? decodeTree(await this.#loader.load(id));
  }

  /**
   * Read the trees from `root` on, each before those below it, until somebody asks for one or many are held. Failures are met again by
   * who asks.
   */
  async readAhead(root: string, onNodes?: (nodes: readonly Node[]) => void): Promise<void> {
    const way = [root];
    let held = 0;
    const breath = new Breath(TURN_MS);
    for (let id = way.pop(); id !== undefined && held < MOST_AHEAD; id = way.pop()) {
      await breath.take();
      if (this.#isAsked) return;
      if (this.#ahead.has(id)) continue;
      const nodes = await this.#try(id);
      if (nodes === undefined) return;
      held += nodes.length;
      this.#ahead.set(id, nodes);
      onNodes?.(nodes);
      for (const { subtree } of nodes.toReversed()) if (subtree !== undefined) way.push(subtree);
    }
  }

  /** Let go of all that is at hand, and read nothing more ahead. Who asks is answered still. */
  clear(): void {
    this.#isAsked = true;
    this.#ahead.clear();
    this.#loader.clear();
  }

  async #try(id: string): Promise<Node[] | undefined> {
    try {
      return decodeTree(await this.#loader.load(id));
    } catch {
      return undefined;
    }
  }
}
