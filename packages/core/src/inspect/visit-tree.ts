import { throwIfAborted } from "../async/interrupted.ts";
import { isTsbakError, type TsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import { joinPath, toPathBytes } from "../fs/path.ts";
import type { TreeLoader } from "../repository/tree-loader.ts";

/** An entry of a tree, where it is, and in which tree it is. */
export interface VisitedEntry {
  /** From `/`, which is the tree where the visit began. */
  readonly path: Uint8Array;
  readonly node: Node;
  /** Id of the tree that lists it. */
  readonly parentTree: string;
}

/** What to do with an entry: a directory is entered, or passed by, or the whole visit ends. */
export type Visit = "enter" | "pass" | "stop";

/** Somebody who looks at trees. */
export interface TreeVisitor {
  readonly visit: (entry: VisitedEntry) => Visit;
  /** Told of a tree that cannot be read; the visit goes on. Without it the error is thrown. */
  readonly onUnreadable?: ((tree: string, error: TsbakError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Visit everything below a tree, each directory before what is in it, names in the order of their bytes.
 *
 * @throws {TsbakError} `interrupted`, and `corrupt` or `not-found` for a tree if nobody is told of it.
 */
export async function visitTree(
  trees: TreeLoader,
  root: string,
  visitor: TreeVisitor,
): Promise<void> {
  await visitBelow(trees, toPathBytes("/"), root, visitor);
}

/** False if the visit ends. */
async function visitBelow(
  trees: TreeLoader,
  directory: Uint8Array,
  tree: string,
  visitor: TreeVisitor,
): Promise<boolean> {
  for (const node of await loadNodes(trees, tree, visitor)) {
    throwIfAborted(visitor.signal);
    const path = joinPath(directory, node.name);
    const visit = visitor.visit({ path, node, parentTree: tree });
    if (visit === "stop") return false;
    if (visit === "pass" || node.type !== "dir" || node.subtree === undefined) continue;
    if (!(await visitBelow(trees, path, node.subtree, visitor))) return false;
  }
  return true;
}

async function loadNodes(
  trees: TreeLoader,
  tree: string,
  { onUnreadable }: TreeVisitor,
): Promise<Node[]> {
  try {
    return decodeTree(await trees.load(tree));
  } catch (error) {
    if (onUnreadable === undefined) throw error;
    if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
    onUnreadable(tree, error);
    return [];
  }
}
