import { byteKey } from "../bytes/byte-key.ts";
import { encodeNode, encodeNodeHead, type Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import type { SharedIndexView } from "../repository/shared-index.ts";
import type { TreeLoader } from "../repository/tree-loader.ts";
import { isTsbakError } from "../errors.ts";

/** What the parent snapshot knows of an entry. */
export interface ParentNode {
  /** The node exactly as it stands in the old tree. */
  readonly text: string;
  /** The metadata is the same to the last field, so the whole node may be taken over. */
  readonly isSame: boolean;
  /** Ids of its blobs as JSON, `"…","…"`; undefined unless it is a file. */
  readonly content: string | undefined;
  /** Id of its tree; undefined unless it is a directory. */
  readonly subtree: string | undefined;
  /** Decoded only where the metadata is not the same. */
  readonly node: Node | undefined;
}

const START = '{"nodes":[';
const END = "]}\n";
/**
 * The rest of a node after its head. Extended attributes change a file's ctime, so the same head means the same
 * attributes.
 */
const TAIL =
  /(?:"extended_attributes":\[[^\]]*\],)?"content":(?:null|\[((?:"[0-9a-f]{64}"(?:,"[0-9a-f]{64}")*)?)\])(?:,"subtree":"([0-9a-f]{64})")?\}/y;

/**
 * A directory of the parent snapshot, asked for its entries in ascending order.
 *
 * As long as everything is unchanged, the text of the old tree and what would be written now are the same, so
 * the old text is compared rather than decoded: this is what makes an unchanged backup fast. At the first difference the tree is
 * decoded and searched by name.
 */
export class ParentTree {
  readonly id: string;
  readonly #bytes: Uint8Array;
  readonly #text: string;
  #at: number;
  #nodes: Map<string, Node> | undefined;

  constructor(id: string, bytes: Uint8Array) {
    this.id = id;
    this.#bytes = bytes;
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
    this.#at = this.#text.startsWith(START) ? START.length : -1;
  }

  /** True if every entry was found in turn and nothing else is in the old tree. */
  get isExhausted(): boolean {
    if (this.#at < 0 || this.#nodes !== undefined) return false;
    return this.#text.length === this.#at + END.length && this.#text.endsWith(END);
  }

  /** The old node of this name, if there is one. `head` is the text of the new node up to its contents. */
  find(name: Uint8Array, head: string): ParentNode | undefined {
    if (this.#nodes === undefined) {
      const next = this.#matchNext(head);
      if (next !== undefined) return next;
    }
    this.#nodes ??= indexByName(decodeTree(this.#bytes));
    const node = this.#nodes.get(byteKey(name));
    if (node === undefined) return undefined;
    const text = encodeNode(node);
    const content = node.content?.map((id) => `"${id}"`).join(",");
    const isSame = text.startsWith(`${head}"content"`) || isSameButForAttributes(node, head);
    return { text, isSame, content, subtree: node.subtree, node };
  }

  #matchNext(head: string): ParentNode | undefined {
    if (this.#at < 0 || !this.#text.startsWith(head, this.#at)) return undefined;
    TAIL.lastIndex = this.#at + head.length;
    const tail = TAIL.exec(this.#text);
    if (tail === null) return undefined;
    const text = this.#text.slice(this.#at, TAIL.lastIndex);
    this.#at = TAIL.lastIndex + (this.#text[TAIL.lastIndex] === "," ? 1 : 0);
    return { text, isSame: true, content: tail[1], subtree: tail[2], node: undefined };
  }
}

/** Heads that are looked for have no extended attributes yet. */
function isSameButForAttributes(node: Node, head: string): boolean {
  if (node.extendedAttributes.length === 0) return false;
  return encodeNodeHead({ ...node, extendedAttributes: [] }) === head;
}

/** Load a directory of the parent snapshot; damage there only means that everything is read again. */
export async function loadParentTree(
  loader: TreeLoader,
  id: string | undefined,
): Promise<ParentTree | undefined> {
  if (id === undefined) return undefined;
  try {
    return new ParentTree(id, await loader.load(id));
  } catch (error) {
    if (isTsbakError(error, "corrupt") || isTsbakError(error, "not-found")) return undefined;
    throw error;
  }
}

/** True if the index still has every blob of a list `"…","…"`. */
export function hasAllBlobs(index: SharedIndexView, content: string): boolean {
  for (let at = 1; at < content.length; at += 67) {
    if (!index.has("data", hexBytes(content, at))) return false;
  }
  return true;
}

const scratch = new Uint8Array(32);

function hexBytes(text: string, at: number): Uint8Array {
  for (let i = 0; i < 32; i++) {
    scratch[i] = (digit(text, at + 2 * i) << 4) | digit(text, at + 2 * i + 1);
  }
  return scratch;
}

function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}

function indexByName(nodes: readonly Node[]): Map<string, Node> {
  return new Map(nodes.map((node) => [byteKey(node.name), node]));
}
