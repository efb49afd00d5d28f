import type { PatternList } from "../../fs/filter.ts";
import type { RewriteRules } from "./tree-rewriter.ts";

type OnMatch = ((path: Uint8Array) => void) | undefined;

/** Rules that leave out what one of the lists matches, and what is below it. */
export function excludeRules(lists: readonly PatternList[], onMatch: OnMatch): RewriteRules {
  return {
    dependsOnPath: true,
    allowsLoss: false,
    node: (node, path) => {
      if (!lists.some((list) => list.match(path))) return node;
      onMatch?.(path);
      return undefined;
    },
  };
}

/** Rules that keep only what one of the lists matches, and the directories that lead there. */
export function includeRules(lists: readonly PatternList[], onMatch: OnMatch): RewriteRules {
  return {
    dependsOnPath: true,
    allowsLoss: false,
    node: (node, path) => {
      const found = lists.map((list) => list.matchInclude(path));
      const matches = found.some((match) => match.matches);
      if (node.type === "dir") {
        return matches || found.some((match) => match.childMayMatch) ? node : undefined;
      }
      if (matches) onMatch?.(path);
      return matches ? node : undefined;
    },
    keepEmpty: (path) => lists.some((list) => list.matchInclude(path).matches),
  };
}
