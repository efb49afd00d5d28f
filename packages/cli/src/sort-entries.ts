import { compareTimes, parseTime, type WalkEntry } from "@tsbak/core";

/** What a listing can be sorted by. */
export type SortKey = "name" | "size" | "time" | "mtime" | "atime" | "ctime" | "extension";

type Comparison = (a: WalkEntry, b: WalkEntry) => number;

const COMPARISONS: Readonly<Record<Exclude<SortKey, "name">, Comparison>> = {
  size: (a, b) => sizeOf(a) - sizeOf(b),
  time: (a, b) => compareTexts(a.node.mtime, b.node.mtime),
  mtime: (a, b) => compareTexts(a.node.mtime, b.node.mtime),
  atime: (a, b) => compareTexts(a.node.atime, b.node.atime),
  ctime: (a, b) => compareTexts(a.node.ctime, b.node.ctime),
  extension: (a, b) => Buffer.compare(extensionOf(a), extensionOf(b)),
};

/** Put entries in order, the smallest and oldest first; those that are equal by their paths. By name they stay as they are. */
export function sortEntries(entries: WalkEntry[], key: SortKey): WalkEntry[] {
  if (key === "name") return entries;
  const compare = COMPARISONS[key];
  return entries.sort((a, b) => compare(a, b) || Buffer.compare(a.path, b.path));
}

/** Order of two RFC 3339 texts by the instants that they name. */
function compareTexts(a: string, b: string): number {
  return compareTimes(parseTime(a), parseTime(b));
}

function sizeOf({ node }: WalkEntry): number {
  return node.type === "file" ? node.size : 0;
}

/** From the last dot of the name on; of `.profile` all. */
function extensionOf({ path }: WalkEntry): Uint8Array {
  const dot = path.lastIndexOf(0x2e);
  return dot > path.lastIndexOf(0x2f) ? path.subarray(dot) : new Uint8Array(0);
}
