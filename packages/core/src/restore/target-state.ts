import { byteKey } from "../bytes/byte-key.ts";
import type { RootedDirectory } from "../fs/rooted.ts";
import { removeTree } from "../fs/remove-tree.ts";
import { isDirectoryMode } from "../fs/mode.ts";

/** How the target is treated while a restore is planned. */
export interface TargetStateOptions {
  /** Look, but change nothing. */
  readonly isDryRun: boolean;
  /** Directories that stand where something else belongs go with all that is in them. */
  readonly clearsDirectories: boolean;
}

/** Names as text in which each character is one byte (Latin-1). */
export type Names = ReadonlySet<string>;

const SLASH = 0x2f;

/** What stands in the target before the restore, seen directory by directory as they are made. */
export class TargetState {
  readonly #root: RootedDirectory | undefined;
  readonly #options: TargetStateOptions;

  /** No root: the target is not there, and will not be made. */
  constructor(root: RootedDirectory | undefined, options: TargetStateOptions) {
    this.#root = root;
    this.#options = options;
  }

  /** The names in the target itself. */
  get names(): Names | undefined {
    return this.#list(new Uint8Array(0));
  }

  /**
   * Make a directory if it is not there, unless that is done when something is made in it, and give the names that stand in it;
   * undefined if it is new. `siblings` are those that stand in its parent. Throws what `RootedDirectory` throws.
   */
  enter(path: Uint8Array, siblings: Names | undefined): Names | undefined {
    if (this.#root?.makesMissing === true) return undefined;
    if (!this.#options.isDryRun) {
      return this.#root?.makeDirectory(path) === false ? this.#list(path) : undefined;
    }
    const [parent, name] = splitLast(path);
    return this.#isDirectory(parent, name, siblings) ? this.#list(path) : undefined;
  }

  /** If a directory stands where something else belongs, and if it is to go, remove it. `siblings` are the names that stand beside it. */
  clearWay(directory: Uint8Array, name: Uint8Array, siblings: Names | undefined): void {
    if (this.#root === undefined || !this.#options.clearsDirectories) return;
    if (this.#options.isDryRun || !this.#isDirectory(directory, name, siblings)) return;
    removeTree(this.#root, directory, name, () => undefined);
  }

  #isDirectory(directory: Uint8Array, name: Uint8Array, siblings: Names | undefined): boolean {
    if (siblings?.has(byteKey(name)) !== true) return false;
    const state = this.#root?.stat(directory, name);
    return state !== undefined && isDirectoryMode(state.mode);
  }

  #list(path: Uint8Array): Names | undefined {
    const names = this.#root?.list(path) ?? [];
    if (names.length === 0) return undefined;
    return new Set(names.map((name) => byteKey(name)));
  }
}

function splitLast(path: Uint8Array): [Uint8Array, Uint8Array] {
  const slash = path.lastIndexOf(SLASH);
  return [path.subarray(0, Math.max(slash, 0)), path.subarray(slash + 1)];
}
