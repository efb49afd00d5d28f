import type { CallOptions } from "../backend/backend.ts";
import { compareBytes } from "../bytes/compare.ts";
import { TsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import { joinPath, printablePath, splitPath, toPathBytes } from "../fs/path.ts";
import type { Repository } from "./repository.ts";
import { TreeLoader } from "./tree-loader.ts";

/** An entry of a tree and where it is. */
export interface WalkEntry {
  /** From `/`, which is the tree where the walk began. */
  readonly path: Uint8Array;
  readonly node: Node;
}

/**
 * The id of the tree at `subPath` below the tree `root`: `home/ana`, with or without slashes at the ends; "" is `root` itself.
 *
 * @throws {TsbakError} `not-found` if nothing is there, `invalid-argument` if it is no directory.
 */
export async function findTree(
  repository: Repository,
  root: string,
  subPath: string,
  options: CallOptions = {},
): Promise<string> {
  const trees = new TreeLoader(repository, await repository.loadIndex(options), options);
  let tree = root;
  for (const name of splitPath(toPathBytes(subPath))) {
    const nodes = decodeTree(await trees.load(tree));
    const node = nodes.find((other) => compareBytes(other.name, name) === 0);
    if (node?.subtree === undefined) throw badPath(subPath, name, node);
    tree = node.subtree;
  }
  return tree;
}

function badPath(subPath: string, name: Uint8Array, node: Node | undefined): TsbakError {
  const shown = printablePath(toPathBytes(subPath));
  return node === undefined
    ? new TsbakError(
        "not-found",
        `Cannot find "${shown}" in the snapshot: there is no "${printablePath(name)}"; see "tsbak ls"`,
      )
    : new TsbakError(
        "invalid-argument",
        `Cannot open "${shown}" in the snapshot: "${printablePath(name)}" is no folder; name the folder that it is in`,
      );
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
