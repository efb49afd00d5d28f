import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { KEPT_FLAGS } from "./own-attributes.ts";
import { nodePath } from "./path.ts";
import { loadPosix } from "./posix.ts";
import { REFUSED } from "./refusals.ts";
import { isSystemError } from "./system-error.ts";

/** What a system says that has no inode flags, or not for this user. */
const FLAGS_REFUSED: ReadonlySet<unknown> = new Set([
  ...["EPERM", "EACCES", "ENOTTY", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL"],
]);

/**
 * Give a file or directory these of `KEPT_FLAGS`, and take the others. Gives what was refused, as bits of `REFUSED`. Anything else that
 * stands there, and a symlink, are left alone: to a device the same numbers may mean anything.
 *
 * @throws {unknown} `foreign()` of what is left alone; the system's error.
 */
export function setKeptFlags(path: Uint8Array, flags: number, foreign: () => Error): number {
  const posix = loadPosix();
  if (posix === undefined) return REFUSED.flags;
  try {
    const how = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const fd = openSync(nodePath(path), how);
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile() && !stats.isDirectory()) throw foreign();
      posix.flags.set(fd, (posix.flags.get(fd) & ~KEPT_FLAGS) | flags);
      return 0;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isSystemError(error) && FLAGS_REFUSED.has(error.code)) return REFUSED.flags;
    throw error;
  }
}
