import { fstatSync, readFileSync } from "node:fs";
import type { EntryMetadata } from "./metadata.ts";

const PERMISSIONS = 0o777;
const OWNER_WRITES = 0o200;

/**
 * What new files get by themselves in a directory in which nobody else makes anything, and in the directories that we make in it: all of
 * them the same owner and group, as set-group-ID is handed on. So most need neither be given to anybody nor get another mode.
 */
export class NewFiles {
  readonly #umask = readUmask();
  #owner: { readonly uid: number; readonly gid: number } | undefined;
  #hasLearned = false;

  /** Look at the first file that was made, with the mode 0600. */
  learn(fd: number): void {
    if (this.#hasLearned) return;
    this.#hasLearned = true;
    const stats = fstatSync(fd);
    // Some file systems have ideas of their own.
    if ((stats.mode & PERMISSIONS) === 0o600) this.#owner = stats;
  }

  /**
   * True if a file that is made with its mode has all of its metadata but for its times, and shows nothing meanwhile that it will not show
   * then. Attributes come before a mode.
   */
  areRight({ uid, gid, mode, attributes = [] }: EntryMetadata): boolean {
    if (this.#owner?.uid !== uid || this.#owner.gid !== gid || attributes.length > 0) return false;
    const isPlain = (mode & 0o7777 & ~PERMISSIONS) === 0 && (mode & OWNER_WRITES) !== 0;
    return isPlain && (mode & this.#umask) === 0;
  }
}

/** What the system takes from the mode of new files; everything, if that cannot be found out. */
function readUmask(): number {
  try {
    const [, digits] =
      /^Umask:\s*([0-7]+)$/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
    return digits === undefined ? PERMISSIONS : Number.parseInt(digits, 8);
  } catch {
    return PERMISSIONS;
  }
}
