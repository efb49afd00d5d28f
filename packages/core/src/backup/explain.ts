import { byteKey } from "../bytes/byte-key.ts";
import { nodeType } from "../fs/mode.ts";
import { absolutePath, joinPath, printablePath, splitPath } from "../fs/path.ts";
import { statFile } from "../fs/stat.ts";
import { describeSystemError, isSystemError } from "../fs/system-error.ts";
import { placeBelow, sourcePlace } from "./directory-place.ts";
import type { Selection } from "./select.ts";
import type { NamedSource } from "./sources.ts";

/** Whether a backup would save a path, and why. Paths are absolute and printable. */
export interface Explanation {
  readonly path: string;
  readonly isSaved: boolean;
  /** What decides: the path itself or a folder above it. */
  readonly decidedBy: string;
  /** To be read behind `decidedBy`: `matches the pattern "*.o" ...`. */
  readonly reason: string;
}

/** Explain what a backup of `sources` does with a path on the disk, by looking at it and at the folders above it. */
export function explainPath(
  path: Uint8Array,
  sources: readonly NamedSource[],
  selection: Selection,
): Explanation {
  const absolute = absolutePath(path);
  const answer = (isSaved: boolean, at: Uint8Array, reason: string): Explanation => ({
    path: printablePath(absolute),
    isSaved,
    decidedBy: printablePath(at),
    reason,
  });
  const source = nearestSource(absolute, sources);
  if (source === undefined) {
    const isAbove = sources.some(({ path: inner }) => namesBelow(absolute, inner) !== undefined);
    if (!isAbove) return answer(false, absolute, "lies in none of the sources");
    return answer(true, absolute, "is saved without its other contents: a source lies in it");
  }
  let taken = answer(true, absolute, "lies in a source, and nothing leaves it out");
  try {
    const first = absolutePath(source.path);
    let stat = statFile(first);
    const storedAs = absolutePath(source.storedAs);
    let place = sourcePlace(first, storedAs, stat.deviceId, undefined);
    for (const name of namesBelow(first, absolute) ?? []) {
      const inner = joinPath(place.path, name);
      stat = statFile(inner);
      const reason = selection.enter(place).explain(byteKey(name), stat);
      if (reason?.exclusion !== undefined) return answer(false, inner, reason.text);
      if (reason !== undefined) taken = answer(true, inner, reason.text);
      place = placeBelow(place, name, stat.deviceId);
    }
    const isSocket = nodeType(stat.mode) === "socket";
    return isSocket ? answer(false, absolute, "is a socket, which holds nothing to save") : taken;
  } catch (error) {
    const isMissing = isSystemError(error) && error.code === "ENOENT";
    const reason = isMissing ? "is not there" : `cannot be read: ${describeSystemError(error)}`;
    return answer(false, absolute, reason);
  }
}

/** The source that the path is, or lies in; of several the one that lies deepest. */
function nearestSource(path: Uint8Array, sources: readonly NamedSource[]): NamedSource | undefined {
  const fitting = sources.filter((source) => namesBelow(source.path, path) !== undefined);
  return fitting.sort((a, b) => depthOf(b) - depthOf(a))[0];
}

function depthOf({ path }: NamedSource): number {
  return splitPath(absolutePath(path)).length;
}

/** The names that lead from one path to another; undefined if they do not. */
function namesBelow(from: Uint8Array, to: Uint8Array): Uint8Array[] | undefined {
  const start = splitPath(absolutePath(from));
  const names = splitPath(absolutePath(to));
  const isBelow = start.every((name, at) => Buffer.compare(name, names[at] ?? EMPTY) === 0);
  return isBelow ? names.slice(start.length) : undefined;
}

const EMPTY = new Uint8Array(0);
