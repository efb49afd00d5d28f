import type { CallOptions } from "../backend/backend.ts";
import { TsbakError } from "../errors.ts";
import { printablePath, splitPath, toPathBytes } from "../fs/path.ts";
import { equalBytes } from "../bytes/compare.ts";
import { decodeTree } from "../format/tree.ts";
import type { Node } from "../format/node.ts";
import type { Repository } from "./repository.ts";
import { TreeLoader } from "./tree-loader.ts";
import { throwIfAborted } from "../async/interrupted.ts";

/** Names listed in the message when one is missing. */
const LISTED_NAMES = 20;

/**
 * The id of the tree at `path` below the tree `root`: what comes after the colon in `id:sub/folder`, with or without slashes at
 * the ends; "" is `root` itself.
 *
 * @throws {TsbakError} `not-found` if there is no such directory; the message tells what there is.
 */
export async function findTree(
  repository: Repository,
  root: string,
  path: string,
  options: CallOptions = {},
): Promise<string> {
  const trees = new TreeLoader(repository, await repository.loadIndex(options), options);
  let id = root;
  for (const name of splitPath(toPathBytes(path))) {
    throwIfAborted(options.signal);
    if (name.length === 1 && name[0] === 0x2e) continue;
    const nodes = decodeTree(await trees.load(id));
    const node = nodes.find((other) => equalBytes(other.name, name));
    if (node?.subtree === undefined) throw notThere(path, name, node, nodes);
    id = node.subtree;
  }
  return id;
}

function notThere(
  path: string,
  name: Uint8Array,
  node: Node | undefined,
  nodes: readonly Node[],
): TsbakError {
  const missing = `"${printablePath(name)}"`;
  const reason =
    node === undefined ? `there is no ${missing}` : `${missing} is a ${node.type}, not a folder`;
  const names = nodes.slice(0, LISTED_NAMES).map((other) => printablePath(other.name));
  const rest = nodes.length > LISTED_NAMES ? ` and ${nodes.length - LISTED_NAMES} more` : "";
  const there = names.length === 0 ? "the folder is empty" : `there is ${names.join(", ")}${rest}`;
  return new TsbakError(
    "not-found",
    `Cannot find folder "${path}" in the snapshot: ${reason}; ${there}`,
  );
}
