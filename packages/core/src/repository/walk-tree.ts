import type { CallOptions } from "../backend/backend.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import { joinPath, toPathBytes } from "../fs/path.ts";
import type { Repository } from "./repository.ts";
import { TreeLoader } from "./tree-loader.ts";

/** An entry of a tree and where it is. */
export interface WalkEntry {
  /** From `/`, which is the tree where the walk began. */
  readonly path: Uint8Array;
  readonly node: Node;
}

/**
 * Everything below a tree: each directory before what is in it, names in the order of their bytes. `enter` says whether to
 * look into a directory; all are, without it.
 */
export async function* walkTree(
  repository: Repository,
  root: string,
  options: CallOptions & { readonly enter?: ((entry: WalkEntry) => boolean) | undefined } = {},
): AsyncGenerator<WalkEntry, void, undefined> {
  const trees = new TreeLoader(repository, await repository.loadIndex(options), options);
  yield* walkBelow(trees, toPathBytes("/"), root, options.enter ?? (() => true));
}

async function* walkBelow(
  trees: TreeLoader,
  directory: Uint8Array,
  tree: string,
  enter: (entry: WalkEntry) => boolean,
): AsyncGenerator<WalkEntry, void, undefined> {
  for (const node of decodeTree(await trees.load(tree))) {
    const entry = { path: joinPath(directory, node.name), node };
    yield entry;
    if (node.subtree !== undefined && enter(entry)) {
      yield* walkBelow(trees, entry.path, node.subtree, enter);
    }
  }
}
