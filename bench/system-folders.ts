import { createHash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Folders to be backed up, and what is in them. */
export interface SystemFolders {
  readonly paths: readonly string[];
  readonly bytes: number;
  readonly files: number;
}

/** No folder has a larger part of the whole. */
const LARGEST_SHARE = 1 / 4;

/**
 * Folders two levels below `root` that have about `size` bytes together: a mixture, the same on each machine with the same
 * system. They are read where they are, so that a large source needs no room.
 */
export function chooseFolders(root: string, size: number): SystemFolders {
  const folders = subfoldersOf(root).flatMap(subfoldersOf);
  const rank = (path: string): string => createHash("sha256").update(path).digest("hex");
  const shuffled = folders.map((path) => ({ path, rank: rank(path) }));
  shuffled.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const paths: string[] = [];
  let [bytes, files] = [0, 0];
  for (const { path } of shuffled) {
    const found = measureFolder(path);
    if (found.bytes > size * LARGEST_SHARE || bytes + found.bytes > size) continue;
    paths.push(path);
    bytes += found.bytes;
    files += found.files;
  }
  return { paths, bytes, files };
}

function subfoldersOf(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(path, entry.name));
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
