import { compareBytes } from "../bytes/compare.ts";
import { Fields } from "./fields.ts";
import { parseJsonBytes } from "./json.ts";
import type { Node } from "./node.ts";
import { decodeNode, encodeNode } from "./node.ts";
import { scanTree } from "./tree-scan.ts";

const START = Buffer.from('{"nodes":[');
const END = Buffer.from("]}\n");

/** The text of an empty directory. Do not change the array. */
export const EMPTY_TREE: Uint8Array<ArrayBuffer> = joinTree([]);

/** A tree blob from the JSON of its nodes, which must be in the order of their raw names (format section 8). */
export function joinTree(nodeTexts: readonly string[]): Uint8Array<ArrayBuffer> {
  const nodes = nodeTexts.join(",");
  const bytes = new Uint8Array(START.length + Buffer.byteLength(nodes) + END.length);
  bytes.set(START);
  new TextEncoder().encodeInto(nodes, bytes.subarray(START.length));
  bytes.set(END, bytes.length - END.length);
  return bytes;
}

/** A tree blob as restic writes it. The nodes must ascend strictly by the bytes of their names. */
export function encodeTree(nodes: readonly Node[]): Uint8Array<ArrayBuffer> {
  let before: Node | undefined;
  for (const node of nodes) {
    if (before !== undefined && compareBytes(before.name, node.name) >= 0) {
      throw new Error(
        "Cannot encode tree: assumed that its nodes ascend by name, and that no name comes twice",
      );
    }
    before = node;
  }
  return joinTree(nodes.map(encodeNode));
}

/**
 * The nodes of a tree blob in the order of the blob, which is not checked. Unknown fields of nodes are kept, those beside
 * `nodes` are not.
 *
 * @throws {TsbakError} `corrupt` if it is not JSON, has no nodes, or a node is malformed.
 */
export function decodeTree(bytes: Uint8Array): Node[] {
  const scanned = scanTree(bytes);
  if (scanned !== undefined) return scanned;
  const fields = new Fields(parseJsonBytes(bytes, "tree"), "tree");
  return (fields.array("nodes") ?? []).map(decodeNode);
}
