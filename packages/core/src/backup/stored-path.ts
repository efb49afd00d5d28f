import { TsbakError } from "../errors.ts";
import { absolutePath, cleanPath, joinPath, printablePath, toPathBytes } from "../fs/path.ts";
import type { NamedSource } from "./sources.ts";

/** Under which other path sources are stored, if not under their own. */
export interface StoredPathOptions {
  /** Absolute path in place of that of the only source. */
  readonly asPath?: string | undefined;
  /** Folder that all sources lie in, and that their paths begin below. */
  readonly stripPrefix?: string | undefined;
}

/**
 * Find the path that each source is stored under, so that a snapshot of a file system that is mounted elsewhere is stored under the
 * path of the original.
 *
 * @throws {TsbakError} `invalid-argument` if the options do not fit the sources.
 */
export function nameSources(
  sources: readonly Uint8Array[],
  { asPath, stripPrefix }: StoredPathOptions,
): NamedSource[] {
  const paths = sources.map(cleanPath);
  if (asPath === undefined && stripPrefix === undefined) {
    return paths.map((path) => ({ path, storedAs: path }));
  }
  if (asPath === undefined) return paths.map((path) => stripped(path, stripPrefix ?? "/"));
  if (!asPath.startsWith("/") || stripPrefix !== undefined || paths.length !== 1) {
    throw badWish("another path takes exactly one source, an absolute path, and no prefix");
  }
  return paths.map((path) => ({ path, storedAs: cleanPath(toPathBytes(asPath)) }));
}

function stripped(path: Uint8Array, stripPrefix: string): NamedSource {
  const prefix = absolutePath(toPathBytes(stripPrefix));
  const absolute = absolutePath(path);
  const inside = joinPath(prefix, new Uint8Array(0));
  if (Buffer.compare(absolute, prefix) === 0) return { path, storedAs: toPathBytes("/") };
  if (Buffer.compare(absolute.subarray(0, inside.length), inside) !== 0) {
    throw badWish(`${printablePath(path)} does not lie in ${printablePath(prefix)}`);
  }
  return { path, storedAs: absolute.subarray(inside.length - 1) };
}

function badWish(reason: string): TsbakError {
  return new TsbakError(
    "invalid-argument",
    `Cannot store sources under other paths: ${reason}; see --as-path and --strip-prefix`,
  );
}
