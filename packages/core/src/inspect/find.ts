import type { CallOptions } from "../backend/backend.ts";
import type { TsbakError } from "../errors.ts";
import { compareTimes, parseTime } from "../format/time.ts";
import type { PatternList } from "../fs/filter.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import { visitTree, type VisitedEntry } from "./visit-tree.ts";

/** What entries are looked for: what one of the patterns matches, modified between two times. */
export interface EntryQuery {
  /** Each list on its own. Paths begin with a slash at the root of the tree. */
  readonly patterns: readonly PatternList[];
  /** RFC 3339, both included. */
  readonly oldest?: string | undefined;
  readonly newest?: string | undefined;
}

/** Who is told of what. */
export interface FindOptions<Found> extends CallOptions {
  readonly onFound: (found: Found) => void;
  /** A tree that cannot be read is passed by. */
  readonly onUnreadable: (tree: string, error: TsbakError) => void;
}

/** Look for entries below a tree. */
export async function findEntries(
  repository: Repository,
  tree: string,
  query: EntryQuery,
  { onFound, onUnreadable, ...options }: FindOptions<VisitedEntry>,
): Promise<void> {
  const trees = new TreeLoader(repository, await repository.loadIndex(options), options);
  const isInTime = timeTest(query);
  await visitTree(trees, tree, {
    visit: (entry) => {
      const { path, node } = entry;
      const isMatch = query.patterns.some((list) => list.match(path));
      if (isMatch && isInTime(node.mtime)) onFound(entry);
      if (node.type !== "dir") return "pass";
      const mayBeBelow = query.patterns.some((list) => list.matchInclude(path).childMayMatch);
      return mayBeBelow ? "enter" : "pass";
    },
    onUnreadable,
    signal: options.signal,
  });
}

function timeTest({ oldest, newest }: EntryQuery): (text: string) => boolean {
  const [from, to] = [oldest, newest].map((text) => (text === undefined ? text : parseTime(text)));
  return (text) => {
    if (from === undefined && to === undefined) return true;
    const time = parseTime(text);
    if (from !== undefined && compareTimes(time, from) < 0) return false;
    return to === undefined || compareTimes(time, to) <= 0;
  };
}
