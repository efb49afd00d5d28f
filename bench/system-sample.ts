import { createHash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Folders to be backed up, and what is in them. */
export interface SystemFolders {
  readonly paths: readonly string[];
  readonly bytes: number;
  readonly files: number;
}

/** A larger folder does not stand or fall as a whole: what is in it is chosen from. */
const LARGEST_SHARE = 1 / 50;
/** Enough: to fill the rest, only small files would do. */
const FULL_SHARE = 0.95;

/**
 * Folders and files below `root` that have about `size` bytes together: chosen by the hashes of their paths, so that small and large
 * files are there as in the whole, and the same on each machine with the same system. They are read where they are, so that a large
 * source needs no room.
 */
export function chooseFolders(root: string, size: number): SystemFolders {
  const rank = (path: string): string => createHash("sha256").update(path).digest("hex");
  const shuffled = partsOf(root, size * LARGEST_SHARE).map((part) => ({
    ...part,
    rank: rank(part.path),
  }));
  shuffled.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const paths: string[] = [];
  let [bytes, files] = [0, 0];
  for (const part of shuffled) {
    if (bytes >= size * FULL_SHARE) break;
    if (bytes + part.bytes > size) continue;
    paths.push(part.path);
    bytes += part.bytes;
    files += part.files;
  }
  return { paths, bytes, files };
}

interface Part {
  readonly path: string;
  readonly bytes: number;
  readonly files: number;
}

/** What is in a folder, and instead of a folder in it that has more than `largest` bytes its parts. */
function partsOf(folder: string, largest: number): Part[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return [{ path, bytes: lstatSync(path).size, files: 1 }];
    if (!entry.isDirectory()) return [];
    const found = measureFolder(path);
    return found.bytes > largest ? partsOf(path, largest) : [{ path, ...found }];
  });
}

function measureFolder(path: string): { readonly bytes: number; readonly files: number } {
  let [bytes, files] = [0, 0];
  const left = [path];
  for (let folder = left.pop(); folder !== undefined; folder = left.pop())
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const inside = join(folder, entry.name);
      if (entry.isDirectory()) left.push(inside);
      if (!entry.isFile()) continue;
      bytes += lstatSync(inside).size;
      files++;
    }
  return { bytes, files };
}
