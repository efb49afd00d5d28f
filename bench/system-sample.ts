import { createHash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Folders and files to be backed up, and what is in them. */
export interface SystemSample {
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
export function chooseSample(root: string, size: number): SystemSample {
  const rank = (path: string): string => createHash("sha256").update(path).digest("hex");
  const shuffled = survey(root, size * LARGEST_SHARE).parts.map((part) => ({
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

/** What is in a folder altogether, and what can be chosen of it. */
interface Survey extends Omit<Part, "path"> {
  readonly parts: readonly Part[];
}

/** Each file and folder in a folder is a part, but for a folder of more than `largest` bytes: instead of it there are its parts. */
function survey(folder: string, largest: number): Survey {
  const parts: Part[] = [];
  let [bytes, files] = [0, 0];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isFile() && !entry.isDirectory()) continue;
    const found = entry.isFile() ? measureFile(path) : survey(path, largest);
    bytes += found.bytes;
    files += found.files;
    const isSplit = entry.isDirectory() && found.bytes > largest;
    const chosen = isSplit ? found.parts : [{ path, bytes: found.bytes, files: found.files }];
    for (const part of chosen) parts.push(part);
  }
  return { bytes, files, parts };
}

function measureFile(path: string): Survey {
  return { bytes: lstatSync(path).size, files: 1, parts: [] };
}
