import { isDirectoryMode } from "./mode.ts";
import { joinPath } from "./path.ts";
import type { RootedDirectory } from "./rooted.ts";

/**
 * Remove an entry with all that is below it, never through a symlink. `onRemoved` is told of each path from the root, children
 * before their directory. Throws the system's error at what cannot be removed; what came before is gone.
 */
export function removeTree(
  root: RootedDirectory,
  directory: Uint8Array,
  name: Uint8Array,
  onRemoved: (path: Uint8Array) => void,
): void {
  for (const path of walkUpwards(root, directory, name)) {
    const slash = path.lastIndexOf(0x2f);
    const [parent, last] = [path.subarray(0, Math.max(slash, 0)), path.subarray(slash + 1)];
    const state = root.stat(parent, last);
    if (state === undefined) continue;
    if (isDirectoryMode(state.mode)) root.removeDirectory(parent, last);
    else root.unlink(parent, last);
    onRemoved(path);
  }
}

/** The paths of an entry and all below it from the root, children before their directory. */
export function* walkUpwards(
  root: RootedDirectory,
  directory: Uint8Array,
  name: Uint8Array,
): Generator<Uint8Array> {
  const path = directory.length === 0 ? name : joinPath(directory, name);
  const state = root.stat(directory, name);
  if (state !== undefined && isDirectoryMode(state.mode)) {
    for (const child of root.list(path)) yield* walkUpwards(root, path, child);
  }
  yield path;
}
