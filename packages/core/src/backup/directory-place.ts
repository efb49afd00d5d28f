import { joinPath } from "../fs/path.ts";

/** A directory of which entries are selected. */
export interface DirectoryPlace {
  readonly path: Uint8Array;
  /** The same, absolute: what patterns are compared with. */
  readonly absolutePath: Uint8Array;
  readonly device: bigint;
  /** Device of the source that the directory belongs to. */
  readonly sourceDevice: bigint;
  /** How many folders it lies below the source; 0 for the source itself. */
  readonly depth: number;
}

/** The place of a source, and of what replaces one that has others inside: then `foundIn` is where that was found. */
export function sourcePlace(
  path: Uint8Array,
  absolutePath: Uint8Array,
  device: bigint,
  foundIn: DirectoryPlace | undefined,
): DirectoryPlace {
  const sourceDevice = foundIn?.sourceDevice ?? device;
  const depth = foundIn === undefined ? 0 : foundIn.depth + 1;
  return { path, absolutePath, device, sourceDevice, depth };
}

/** The place of a directory that was found in another. */
export function placeBelow(
  above: DirectoryPlace,
  name: Uint8Array,
  device: bigint,
): DirectoryPlace {
  const path = joinPath(above.path, name);
  // Where both paths of a source are one, so are those below it, and are put together once.
  const isSame = above.absolutePath === above.path;
  const absolutePath = isSame ? path : joinPath(above.absolutePath, name);
  return { path, absolutePath, device, sourceDevice: above.sourceDevice, depth: above.depth + 1 };
}
