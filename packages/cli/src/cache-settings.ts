import { cacheDirectory, findOldCaches, removeCaches } from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatCount } from "./format-text.ts";
import { parsedSetting } from "./parsed-setting.ts";
import { parseSize } from "./parse-values.ts";

/** Where a cache lies and how large all of them may be; nothing if there is to be none. */
export interface CacheSettings {
  readonly cacheDirectory?: string;
  readonly cacheLimit?: number | undefined;
}

/**
 * What flags and environment say of the cache. It lies in restic's own folder, so that both tools share it.
 *
 * @throws {TsbakError} `invalid-argument` for a bad limit in the environment.
 */
export function cacheSettings({ globals, environment }: Context): CacheSettings {
  if (globals.cache === false) return {};
  return {
    cacheDirectory: globals.cacheDir ?? cacheDirectory(environment),
    cacheLimit: globals.cacheLimit ?? parsedSetting(environment, "CACHE_LIMIT", parseSize),
  };
}

/** Remove caches that nobody has used for 30 days if that is wanted, and else tell a person that there are some. */
export function tidyCaches({ globals, output }: Context, directory: string | undefined): void {
  const old = directory === undefined ? [] : findOldCaches(directory);
  if (old.length === 0) return;
  const found = `${formatCount(old.length, "old cache folder")} in ${directory}`;
  if (globals.cleanupCache !== true) {
    if (output.isTerminal) output.say(`found ${found}; add --cleanup-cache to remove them`);
    return;
  }
  if (output.isTerminal) output.say(`removing ${found}`);
  try {
    removeCaches(old);
  } catch (error) {
    const message = `cannot remove ${found}: ${error instanceof Error ? error.message : ""}`;
    output.warnProblem(message, { message, during: "cache", item: directory ?? "" });
  }
}
