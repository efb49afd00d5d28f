import { loadPosix } from "./posix.ts";

/**
 * Whether it is quicker to read a part of an open file through the page cache: at least half of it is there. True also where
 * that cannot be said.
 */
export function isInPageCache(fd: number, offset: number, length: number): boolean {
  return loadPosix()?.cache?.isCached(fd, offset, length) ?? true;
}
