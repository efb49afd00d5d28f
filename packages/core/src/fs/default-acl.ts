import { splitNulList } from "../bytes/nul-list.ts";
import { loadPosix } from "./posix.ts";
import { isSystemError } from "./system-error.ts";

/** The attribute by which a directory gives an ACL to everything that is made in it (acl(5)). */
const DEFAULT_ACL = "system.posix_acl_default";

/** Whether a directory has a default ACL; false where that cannot be known. Follows a symlink. */
export function hasDefaultAcl(path: Uint8Array): boolean {
  const posix = loadPosix();
  if (posix === undefined) return false;
  try {
    const names = splitNulList(posix.attributes.list({ path, follow: true }));
    return names.some((name) => Buffer.from(name).toString("latin1") === DEFAULT_ACL);
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

/** Take a directory's default ACL away, if there is one and we may. Does not follow a symlink. */
export function removeDefaultAcl(path: Uint8Array): void {
  try {
    loadPosix()?.attributes.remove({ path, follow: false }, Buffer.from(DEFAULT_ACL));
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}
