import type { CallOptions } from "../backend/backend.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import { byteKey } from "../bytes/byte-key.ts";
import { compareBytes } from "../bytes/compare.ts";
import { joinPath, toPathBytes } from "../fs/path.ts";
import type { Repository } from "./repository.ts";
import { TreeLoader } from "./tree-loader.ts";

/** An entry of a tree and where it is. */
export interface WalkEntry {
  /** From `/`, which is the tree where the walk began. */
  readonly path: Uint8Array;
  readonly node: Node;
  /** An entry before it in the same directory has its name, as happens only in forged snapshots. */
  readonly isRepeated: boolean;
}

/** A directory on the way down. */
interface OpenDirectory {
  readonly nodes: readonly Node[];
  readonly repeated: ReadonlySet<Node>;
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
  let path = toPathBytes("/");
  const open = async (tree: string): Promise<OpenDirectory> => {
    const nodes = decodeTree(await trees.load(tree));
    return { nodes, repeated: repeatedNodes(nodes), next: 0, pathLength: path.length };
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
    const isRepeated = top.repeated.has(node);
    const entry = { path: joinPath(path, node.name), node, isRepeated };
    yield entry;
    if (node.subtree === undefined || !enter(entry)) continue;
    path = entry.path;
    way.push(await open(node.subtree));
  }
}

const NONE: ReadonlySet<Node> = new Set();

/** In a tree in its proper order there are none, and no set of names has to be made. */
function repeatedNodes(nodes: readonly Node[]): ReadonlySet<Node> {
  const isOrdered = nodes.every(
    ({ name }, at) => at === 0 || compareBytes((nodes[at - 1] as Node).name, name) < 0,
  );
  if (isOrdered) return NONE;
  const names = new Set<string>();
  return new Set(
    nodes.filter(({ name }) => {
      const key = byteKey(name);
      const isRepeated = names.has(key);
      names.add(key);
      return isRepeated;
    }),
  );
}
