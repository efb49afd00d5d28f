/**
 * How much there is in snapshots, counted in restic's four ways:
 *
 * - `restore-size`: what restoring each would write; the names of one file count once in a snapshot.
 * - `files-by-contents`: every file once, whatever its name; all that have no contents together are one.
 * - `blobs-per-file`: the same files, and of each the blobs it is made of, each once.
 * - `raw-data`: every blob once, as it is stored.
 *
 * @module
 */
import { SEAL_OVERHEAD } from "../crypto/sealer.ts";
import { throwIfAborted } from "../async/interrupted.ts";
import type { CallOptions } from "../backend/backend.ts";
import { fromHex } from "../bytes/hex.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { TsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import { BlobMarks } from "./blob-marks.ts";
import { visitTree } from "./visit-tree.ts";

/** A way to count. */
export type StatsMode = "restore-size" | "files-by-contents" | "blobs-per-file" | "raw-data";

/** What was counted; 0 for what the way of counting does not know. Sizes in bytes. */
export interface Stats {
  totalSize: number;
  fileCount: number;
  blobCount: number;
  /** Of raw data in a repository of version 2: what the blobs would take without compression. */
  uncompressedSize: number;
  /** Of these the blobs that are compressed: as they are stored, and what they would take. */
  compressedBlobsSize: number;
  compressedBlobsUncompressedSize: number;
}

const USED = 1;

/**
 * Count what is in the trees of snapshots.
 *
 * @throws {TsbakError} `corrupt` or `not-found` if a tree cannot be read, or a blob is not in the index.
 */
export async function countStats(
  repository: Repository,
  roots: readonly string[],
  mode: StatsMode,
  options: CallOptions = {},
): Promise<Stats> {
  const index = await repository.loadIndex(options);
  const trees = new TreeLoader(repository, index, options);
  if (mode === "raw-data") return countRawData(repository.version, index, trees, roots, options);
  const stats = emptyStats();
  const count = mode === "restore-size" ? undefined : contentsCounter(mode, index, stats);
  for (const root of roots) {
    const countNode = count ?? restoreCounter(stats);
    await visitTree(trees, root, {
      visit: ({ path, node }) => {
        countNode(node, path);
        return "enter";
      },
      signal: options.signal,
    });
  }
  return stats;
}

type Counter = (node: Node, path: Uint8Array) => void;

function emptyStats(): Stats {
  return {
    totalSize: 0,
    fileCount: 0,
    blobCount: 0,
    uncompressedSize: 0,
    compressedBlobsSize: 0,
    compressedBlobsUncompressedSize: 0,
  };
}

/** For one snapshot. */
function restoreCounter(stats: Stats): Counter {
  const linked = new Set<string>();
  return (node) => {
    stats.fileCount++;
    const hasOneName = node.links === 1 || node.type === "dir" || node.inode === 0n;
    const file = `${node.deviceId}/${node.inode}`;
    if (hasOneName || !linked.has(file)) stats.totalSize += node.size;
    if (!hasOneName) linked.add(file);
  };
}

/** For all snapshots. */
function contentsCounter(
  mode: "files-by-contents" | "blobs-per-file",
  index: BlobIndex,
  stats: Stats,
): Counter {
  const seen = new Set<string>();
  const blobsOf = new Map<string, Set<string>>();
  return (node, path) => {
    const content = node.content ?? [];
    const identity = content.length > 1 ? sha256Hex(Buffer.from(content.join(""))) : content[0];
    if (seen.has(identity ?? "")) return;
    seen.add(identity ?? "");
    if (mode === "files-by-contents") {
      stats.totalSize += node.size;
      stats.fileCount++;
      return;
    }
    if (content.length === 0) return;
    const name = Buffer.from(path).toString("latin1");
    const blobs = blobsOf.get(name) ?? new Set();
    if (blobs.size === 0) stats.fileCount++;
    blobsOf.set(name, blobs);
    for (const id of content) {
      if (blobs.has(id)) continue;
      blobs.add(id);
      stats.blobCount++;
      stats.totalSize += index.plainLength("data", fromHex(id)) ?? missing("data", id);
    }
  };
}

async function countRawData(
  version: 1 | 2,
  index: BlobIndex,
  trees: TreeLoader,
  roots: readonly string[],
  { signal }: CallOptions,
): Promise<Stats> {
  const marks = new BlobMarks(index);
  const markTree = async (id: string): Promise<void> => {
    throwIfAborted(signal);
    if (!marks.add("tree", id, USED)) return;
    for (const node of decodeTree(await trees.load(id))) {
      if (node.type === "file")
        for (const blob of node.content ?? []) marks.add("data", blob, USED);
      if (node.type === "dir" && node.subtree !== undefined) await markTree(node.subtree);
    }
  };
  for (const root of roots) await markTree(root);
  const [unknown] = marks.unknown(USED);
  if (unknown !== undefined) missing(unknown.slice(0, 4), unknown.slice(5));
  const stats = emptyStats();
  marks.forEach(USED, (entry) => countBlob(stats, index, entry, version));
  return stats;
}

function countBlob(stats: Stats, index: BlobIndex, entry: number, version: 1 | 2): void {
  const length = index.lengthAt(entry);
  stats.blobCount++;
  stats.totalSize += length;
  if (version === 1) return;
  const uncompressed = index.plainLengthAt(entry) + SEAL_OVERHEAD;
  stats.uncompressedSize += uncompressed;
  if (index.uncompressedLengthAt(entry) === 0) return;
  stats.compressedBlobsSize += length;
  stats.compressedBlobsUncompressedSize += uncompressed;
}

function missing(type: string, id: string): never {
  throw new TsbakError(
    "not-found",
    `Cannot count: ${type} blob ${id.slice(0, 8)} is not in the index; run "tsbak verify"`,
  );
}
