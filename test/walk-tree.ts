import { lstatSync, readdirSync, type BigIntStats } from "node:fs";
import { toPath } from "./raw-path.ts";

/** One thing below a folder. */
export interface TreeEntry {
  /** Raw path from the folder that was walked, without a leading slash. */
  readonly path: string;
  readonly stats: BigIntStats;
}

/** Everything below `root` (a raw path), folders before what they hold, names in the order of their bytes. */
export function* walkTree(root: string, below = ""): Generator<TreeEntry> {
  const names = readdirSync(toPath(`${root}/${below}`), { encoding: "buffer" });
  for (const name of names.map((bytes) => bytes.toString("latin1")).sort()) {
    const path = below === "" ? name : `${below}/${name}`;
    const stats = lstatSync(toPath(`${root}/${path}`), { bigint: true });
    yield { path, stats };
    if (stats.isDirectory()) yield* walkTree(root, path);
  }
}
