import type { CallOptions } from "../backend/backend.ts";
import { equalBytes } from "../bytes/compare.ts";
import { TsbakError } from "../errors.ts";
import { decodeTree } from "../format/tree.ts";
import { absolutePath, cleanPath, joinPath, splitPath, toPathBytes } from "../fs/path.ts";
import { findTree } from "../repository/find-tree.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotSelection } from "../repository/snapshots.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import type { LiveComparison } from "./live-diff.ts";

/**
 * What a snapshot, or a folder in it, is compared with on the disk: `folder`, or where it came from.
 *
 * @throws {TsbakError} `invalid-argument` if nothing says where it came from, because relative paths were backed up.
 */
export async function placeOnDisk(
  repository: Repository,
  selection: SnapshotSelection,
  folder: Uint8Array | undefined,
  options: CallOptions = {},
): Promise<LiveComparison> {
  const { snapshot, subPath } = selection;
  const tree = await findTree(repository, snapshot.tree, subPath, options);
  const trees = new TreeLoader(repository, await repository.loadIndex(options), options);
  const sources = snapshot.paths.map(toPathBytes);
  const prefix = cleanPath(toPathBytes(`/${subPath}`));
  let isAbsolute = false;
  for (const source of sources) isAbsolute ||= await hasPath(trees, snapshot.tree, source);
  if (!isAbsolute && folder === undefined) {
    throw new TsbakError(
      "invalid-argument",
      "Cannot compare with the disk: the snapshot was made of relative paths; name the folder to compare with",
    );
  }
  const isPartial = (path: Uint8Array): boolean =>
    isAbsolute && isAboveSources(cleanPath(joinPath(prefix, path)), sources);
  return { tree, folder: absolutePath(folder ?? prefix), isPartial };
}

async function hasPath(trees: TreeLoader, root: string, path: Uint8Array): Promise<boolean> {
  let tree: string | undefined = root;
  for (const name of splitPath(path)) {
    if (tree === undefined) return false;
    const nodes = decodeTree(await trees.load(tree));
    const node = nodes.find((other) => equalBytes(other.name, name));
    if (node === undefined) return false;
    tree = node.subtree;
  }
  return true;
}

/** True for a folder on the way to sources that lies in none. */
function isAboveSources(path: Uint8Array, sources: readonly Uint8Array[]): boolean {
  return (
    sources.some((source) => isBelow(source, path)) &&
    !sources.some((source) => equalBytes(path, source) || isBelow(path, source))
  );
}

function isBelow(path: Uint8Array, folder: Uint8Array): boolean {
  const parts = splitPath(path);
  const above = splitPath(folder);
  return (
    parts.length > above.length && above.every((part, at) => equalBytes(part, parts[at] ?? part))
  );
}
