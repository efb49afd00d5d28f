import { fromHex } from "../../bytes/hex.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import { decodeTree } from "../../format/tree.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { TreeLoader } from "../../repository/tree-loader.ts";
import { checkTree } from "../verify/check-tree.ts";
import { TreeGraph } from "../verify/tree-graph.ts";

/** Options of `findOrphans`. */
export interface OrphanOptions extends CallOptions {
  /** Told of trees that cannot be read. */
  readonly onUnreadable?: ((id: string, error: TsbakError) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Trees to which nothing refers. */
export interface Orphans {
  /** Ids in ascending order. */
  readonly roots: readonly string[];
  /** Trees among them and below them of which contents or folders are missing. */
  readonly incomplete: number;
}

/**
 * Go through all trees of the repository for those to which neither a tree nor one of the roots in `used` refers. A tree that cannot
 * be read is none of them.
 */
export async function findOrphans(
  repository: Repository,
  index: BlobIndex,
  used: readonly string[],
  options: OrphanOptions = {},
): Promise<Orphans> {
  const loader = new TreeLoader(repository, index, options);
  const trees = treesByPack(index);
  const graph = new TreeGraph(index.size);
  const isReferred = new Uint8Array(index.size);
  const isIncomplete = new Uint8Array(index.size);
  for (const id of used) {
    const entry = index.find("tree", fromHex(id));
    if (entry >= 0) isReferred[entry] = 1;
  }
  for (const [at, tree] of trees.entries()) {
    options.onProgress?.(at, trees.length);
    const nodes = await readTree(loader, index.idAt(tree), options);
    if (nodes === undefined) {
      isIncomplete[tree] = 1;
      continue;
    }
    const subtrees: number[] = [];
    const links = {
      content: (id: Uint8Array) => index.has("data", id),
      subtree: (id: Uint8Array) => {
        const entry = index.find("tree", id);
        if (entry >= 0) subtrees.push(entry);
        return entry >= 0;
      },
    };
    checkTree(nodes, links, () => (isIncomplete[tree] = 1));
    for (const entry of subtrees) isReferred[entry] = 1;
    graph.add(Uint32Array.from([tree, subtrees.length, ...subtrees]));
  }
  options.onProgress?.(trees.length, trees.length);
  const roots = trees.filter((tree) => isReferred[tree] === 0 && graph.has(tree));
  const below = graph.reach([...roots]);
  const incomplete = below.filter((tree) => isIncomplete[tree] === 1).length;
  return { roots: Array.from(roots, (tree) => index.idAt(tree)).sort(), incomplete };
}

/** The first copy of each tree, in the order in which they lie in packs, so that packs are read once. */
function treesByPack(index: BlobIndex): Uint32Array {
  const trees: number[] = [];
  for (let entry = 0; entry < index.size; entry++) {
    if (index.isTreeAt(entry) && index.find("tree", fromHex(index.idAt(entry))) === entry)
      trees.push(entry);
  }
  return Uint32Array.from(trees).sort(
    (a, b) =>
      index.packNumberAt(a) - index.packNumberAt(b) || index.offsetAt(a) - index.offsetAt(b),
  );
}

async function readTree(
  loader: TreeLoader,
  id: string,
  options: OrphanOptions,
): Promise<ReturnType<typeof decodeTree> | undefined> {
  try {
    return decodeTree(await loader.load(id));
  } catch (error) {
    if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
    options.onUnreadable?.(id, error);
    return undefined;
  }
}
