import { byteKey } from "../bytes/byte-key.ts";
import type { IncludeMatch } from "../fs/filter.ts";

/** Selects exactly the given paths of a snapshot, which may have names that no pattern could say. */
export class PathSelection {
  readonly #paths = new Set<string>();
  readonly #parents = new Set<string>();

  constructor(paths: readonly Uint8Array[]) {
    for (const path of paths.map(byteKey)) {
      this.#paths.add(path);
      for (let end = path.lastIndexOf("/"); end >= 0; end = path.lastIndexOf("/", end - 1)) {
        this.#parents.add(path.slice(0, end) || "/");
        if (end === 0) break;
      }
    }
  }

  /** As a list of patterns would. */
  matchInclude(path: Uint8Array): IncludeMatch {
    const key = byteKey(path);
    return { matches: this.#paths.has(key), childMayMatch: this.#parents.has(key) };
  }
}
