import type { CallOptions } from "../backend/backend.ts";
import { byteKey } from "../bytes/byte-key.ts";
import type { Node } from "../format/node.ts";
import { cleanPath, toPathBytes } from "../fs/path.ts";
import type { Repository } from "../repository/repository.ts";
import { walkTree } from "../repository/walk-tree.ts";

/** A file of a snapshot. */
export interface ChosenFile {
  /** From the root of the snapshot. */
  readonly path: Uint8Array;
  readonly node: Node;
}

/** What was chosen. */
export interface FileChoice {
  /** Each file once. */
  readonly files: readonly ChosenFile[];
  /** Paths that were named, and are no files of the snapshot. */
  readonly missing: readonly Uint8Array[];
}

/** Which files. */
export interface ChoiceRule {
  /** How many are drawn by lot, each with the same chance; all if there are fewer. */
  readonly count: number;
  /** The same number draws the same files of the same snapshot. */
  readonly seed: number;
  /** Files that are taken in any case. */
  readonly named: readonly (string | Uint8Array)[];
}

/** Draw files from a tree, in memory for those alone. */
export async function chooseFiles(
  repository: Repository,
  tree: string,
  rule: ChoiceRule,
  options: CallOptions,
): Promise<FileChoice> {
  const random = seededRandom(rule.seed);
  const wanted = new Map<string, Uint8Array>();
  for (const path of rule.named.map(absoluteInSnapshot)) wanted.set(byteKey(path), path);
  const named: ChosenFile[] = [];
  const drawn: ChosenFile[] = [];
  let seen = 0;
  for await (const { path, node, isRepeated } of walkTree(repository, tree, options)) {
    if (node.type !== "file" || isRepeated) continue;
    const file = { path: path.slice(), node };
    if (wanted.delete(byteKey(path))) {
      named.push(file);
      continue;
    }
    // Algorithm R: whatever comes takes the place of another with just the chance that makes all equal.
    const place = Math.floor(random() * ++seen);
    if (drawn.length < rule.count) drawn.push(file);
    else if (place < rule.count) drawn[place] = file;
  }
  return { files: [...named, ...drawn], missing: [...wanted.values()] };
}

function absoluteInSnapshot(path: string | Uint8Array): Uint8Array {
  const bytes = typeof path === "string" ? toPathBytes(path) : path;
  return cleanPath(Buffer.concat([Buffer.from("/"), bytes]));
}

/** Numbers from 0 to below 1 (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
