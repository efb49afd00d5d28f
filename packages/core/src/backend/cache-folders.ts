import { readdirSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Caches that nobody has used for longer are old, as for restic. In milliseconds. */
const OLD_AFTER = 30 * 24 * 3_600_000;

/** The base folder of caches: `$TSBAK_CACHE_DIR`, `$RESTIC_CACHE_DIR`, or what the system has for caches, and `restic` in it. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment["TSBAK_CACHE_DIR"] || environment["RESTIC_CACHE_DIR"];
  if (named) return named;
  return join(systemCacheFolder(environment), "restic");
}

function systemCacheFolder(environment: NodeJS.ProcessEnv): string {
  const home = environment["HOME"] || homedir();
  if (process.platform === "darwin") return join(home, "Library", "Caches");
  if (process.platform === "win32") {
    return environment["LOCALAPPDATA"] || join(home, "AppData", "Local");
  }
  const named = environment["XDG_CACHE_HOME"];
  // The XDG specification: a relative path is to be ignored.
  return named !== undefined && isAbsolute(named) ? named : join(home, ".cache");
}

/** The folders of caches below `base` that nobody has used for 30 days. None if it cannot be read. */
export function findOldCaches(base: string, now: number = Date.now()): string[] {
  try {
    return readdirSync(base, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && isCacheName(entry.name))
      .map((entry) => join(base, entry.name))
      .filter((path) => now - statSync(path).mtimeMs > OLD_AFTER);
  } catch {
    return [];
  }
}

/** Remove folders that `findOldCaches` gave. @throws what the file system throws. */
export function removeCaches(paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
}

/** A repository's id, or what `restic check` makes for itself. */
function isCacheName(name: string): boolean {
  return /^([0-9a-f]{64}|restic-check-cache-\d+)$/i.test(name);
}
