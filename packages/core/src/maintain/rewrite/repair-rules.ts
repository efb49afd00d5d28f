import { fromHex } from "../../bytes/hex.ts";
import type { TsbakError } from "../../errors.ts";
import type { Node } from "../../format/node.ts";
import { EMPTY_TREE } from "../../format/tree.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { RewriteRules } from "./tree-rewriter.ts";

/**
 * What was found to be wrong with an entry:
 *
 * - `missing-content`: parts of a file are lost; the rest is kept.
 * - `wrong-size`: the contents of a file are there, but not so long as it says.
 * - `invalid-type`: an entry of a kind that no backup saves; it is left out.
 * - `lost-folder`: the list of what is in a folder cannot be read; it is empty now.
 * - `lost-root`: the same for the root of a snapshot, of which nothing is left so.
 */
export type RepairFindingKind =
  "missing-content" | "wrong-size" | "invalid-type" | "lost-folder" | "lost-root";

/** One entry that had to be changed. Each tree is told of once, though it may be in many snapshots. */
export interface RepairFinding {
  readonly kind: RepairFindingKind;
  readonly path: Uint8Array;
  /** Why a tree could not be read. */
  readonly error?: TsbakError | undefined;
}

/** Rules that cut out what the index does not know, and trees that cannot be read, as restic's `repair snapshots` does. */
export function repairRules(
  index: BlobIndex,
  onFinding: (finding: RepairFinding) => void,
): RewriteRules {
  return {
    dependsOnPath: false,
    allowsLoss: true,
    node: (node, path) => repairNode(node, index, (kind) => onFinding({ kind, path })),
    lostTree: (path, error) => {
      const isRoot = path.length === 1;
      onFinding({ kind: isRoot ? "lost-root" : "lost-folder", path, error });
      return isRoot ? undefined : EMPTY_TREE;
    },
  };
}

function repairNode(
  node: Node,
  index: BlobIndex,
  report: (kind: RepairFindingKind) => void,
): Node | undefined {
  if (node.type === "irregular" || node.type === "") {
    report("invalid-type");
    return undefined;
  }
  if (node.type !== "file") return node;
  const content: string[] = [];
  let size = 0;
  for (const id of node.content ?? []) {
    const length = index.plainLength("data", fromHex(id));
    if (length === undefined) continue;
    content.push(id);
    size += length;
  }
  const isWhole = content.length === (node.content?.length ?? 0);
  if (!isWhole) report("missing-content");
  else if (size !== node.size) report("wrong-size");
  // A file has a list of contents even if there are none.
  else if (node.content !== null) return node;
  return { ...node, content, size };
}
