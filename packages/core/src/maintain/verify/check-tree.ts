import { fromHex } from "../../bytes/hex.ts";
import type { Node } from "../../format/node.ts";
import { printablePath } from "../../fs/path.ts";
import type { LinkSink } from "../../format/tree-links.ts";
import type { TreeFault } from "./verify-protocol.ts";

const TYPES: ReadonlySet<string> = new Set([
  "file",
  "dir",
  "symlink",
  "dev",
  "chardev",
  "fifo",
  "socket",
  "irregular",
]);
const NULL_ID = "0".repeat(64);

/**
 * Check the entries of a tree (restic format, section 14): known types, names, contents that the index knows.
 * `links` is told what it refers to, and says whether the index knows it. The sum of blob sizes is not compared with the size of the file, and
 * the order of names is not checked: restic does neither, as files change while they are read.
 */
export function checkTree(
  nodes: readonly Node[],
  links: LinkSink,
  onFault: (fault: TreeFault) => void,
): void {
  for (const node of nodes) {
    const invalid = (what: string): void =>
      onFault({ kind: "tree-invalid", message: `entry "${printablePath(node.name)}" ${what}` });
    if (node.name.length === 0) invalid("has no name");
    if (!TYPES.has(node.type)) invalid(`has the unknown type "${node.type}"`);
    if (node.type === "file") checkContent(node, links, onFault, invalid);
    if (node.type === "dir") checkSubtree(node, links, onFault, invalid);
  }
}

function checkContent(
  node: Node,
  links: LinkSink,
  onFault: (fault: TreeFault) => void,
  invalid: (what: string) => void,
): void {
  if (node.content === null) return invalid("is a file without contents");
  for (const id of node.content) {
    if (id === NULL_ID) invalid("has contents with an empty id");
    else if (!links.content(fromHex(id))) onFault(missing("data", id));
  }
}

function checkSubtree(
  node: Node,
  links: LinkSink,
  onFault: (fault: TreeFault) => void,
  invalid: (what: string) => void,
): void {
  const id = node.subtree;
  if (id === undefined || id === NULL_ID) return invalid("is a directory without a tree");
  if (!links.subtree(fromHex(id))) onFault(missing("tree", id));
}

function missing(type: "data" | "tree", id: string): TreeFault {
  return {
    kind: "blob-missing",
    message: `${type} blob ${id} is not in the index`,
    blob: { type, id },
  };
}
