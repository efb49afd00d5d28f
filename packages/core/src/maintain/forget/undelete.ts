import { fromHex, toHex } from "../../bytes/hex.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import { decodeTree } from "../../format/tree.ts";
import { scanLinks } from "../../format/tree-links.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { removeFromTrash, type TrashEntry } from "../../repository/trash.ts";
import { TreeLoader } from "../../repository/tree-loader.ts";

/** How to bring back a snapshot. */
export interface UndeleteOptions extends CallOptions {
  /** Only look whether it can be brought back. */
  readonly dryRun?: boolean | undefined;
}

/**
 * Make a forgotten snapshot a snapshot again, with the id that it had. It is written first and then leaves the trash. The caller holds
 * a lock, of which a shared one is enough, and has taken it before the index was loaded.
 *
 * @throws {TsbakError} `not-found` if some of its data is gone: a prune that knows nothing of the trash, such as restic's, has run
 *   meanwhile, or the grace was over. Nothing is changed then.
 */
export async function undeleteSnapshot(
  repository: Repository,
  entry: TrashEntry,
  options: UndeleteOptions = {},
): Promise<void> {
  const missing = await countMissing(repository, entry.snapshot.tree, options);
  if (missing > 0) {
    throw new TsbakError(
      "not-found",
      `Cannot bring back snapshot ${entry.id.slice(0, 8)}: ${missing} of its blobs or trees ${missing === 1 ? "is" : "are"} gone, ` +
        "as after a prune by restic or after the grace; restore what you need from another snapshot",
    );
  }
  if (options.dryRun === true) return;
  try {
    await repository.backend.write({ kind: "snapshot", name: entry.id }, entry.file, options);
  } catch (error) {
    // By another undelete: named by its hash, it is the same.
    if (!isTsbakError(error, "already-exists")) throw error;
  }
  await removeFromTrash(repository, entry.names, options);
}

/** How many blobs the snapshot of this root tree needs that the index does not know, or trees that cannot be read. */
async function countMissing(
  repository: Repository,
  root: string,
  options: CallOptions,
): Promise<number> {
  const index = await repository.loadIndex(options);
  const trees = new TreeLoader(repository, index, options);
  const missing = new Set<string>();
  const seen = new Set([root]);
  const waiting = [root];
  for (let tree = waiting.pop(); tree !== undefined; tree = waiting.pop()) {
    try {
      for (const subtree of linksOf(await trees.load(tree), index, missing)) {
        if (!seen.has(subtree)) waiting.push(subtree);
        seen.add(subtree);
      }
    } catch (error) {
      if (!isTsbakError(error, "not-found") && !isTsbakError(error, "corrupt")) throw error;
      missing.add(`tree ${tree}`);
    }
  }
  return missing.size;
}

/** The subtrees of a tree; the data that the index does not know goes to `missing`. */
function linksOf(plain: Uint8Array, index: BlobIndex, missing: Set<string>): string[] {
  let subtrees: string[] = [];
  let unknown: string[] = [];
  const content = (id: Uint8Array): boolean =>
    index.has("data", id) || unknown.push(`data ${toHex(id)}`) > 0;
  const subtree = (id: Uint8Array): boolean => subtrees.push(toHex(id)) > 0;
  if (!scanLinks(plain, { content, subtree })) {
    // Not in the plain form: what was gathered means nothing.
    [subtrees, unknown] = [[], []];
    for (const node of decodeTree(plain)) {
      for (const id of node.content ?? []) content(fromHex(id));
      if (node.subtree !== undefined) subtrees.push(node.subtree);
    }
  }
  for (const blob of unknown) missing.add(blob);
  return subtrees;
}
