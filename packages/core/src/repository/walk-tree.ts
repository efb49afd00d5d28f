import { Breath } from "../async/breath.ts";
import { throwIfAborted } from "../async/interrupted.ts";
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

/** A directory on the way down. */
interface OpenDirectory {
  readonly nodes: readonly Node[];
  /** Number of the node that comes next. */
  next: number;
  /** Length of its path in bytes: the path of the deepest one begins with those of all others. */
  readonly pathLength: number;
}

/**
 * Everything below a tree: each directory before what is in it, names in the order of their bytes. `enter` says whether to
 * look into a directory; all are, without it. However deep it goes, memory holds only the trees on the way down.
 *
 * @throws {TsbakError} `interrupted`, or `not-found` or `corrupt` if a tree cannot be read.
 */
export async function* walkTree(
  repository: Repository,
  root: string,
  options: CallOptions & { readonly enter?: ((entry: WalkEntry) => boolean) | undefined } = {},
): AsyncGenerator<WalkEntry, void, undefined> {
  const trees = new TreeLoader(repository, await repository.loadIndex(options), options);
  const enter = options.enter ?? (() => true);
  const breath = new Breath();
  let path = toPathBytes("/");
  const open = async (tree: string): Promise<OpenDirectory> => {
    await breath.take();
    throwIfAborted(options.signal);
    return { nodes: decodeTree(await trees.load(tree)), next: 0, pathLength: path.length };
  };
  // Not by recursion: a forged snapshot can be deeper than any stack.
  const way = [await open(root)];
  for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
    const node = top.nodes[top.next++];
    if (node === undefined) {
      way.pop();
      continue;
    }
    path = path.subarray(0, top.pathLength);
    const entry = { path: joinPath(path, node.name), node };
    yield entry;
    if (node.subtree === undefined || !enter(entry)) continue;
    path = entry.path;
    way.push(await open(node.subtree));
  }
}
