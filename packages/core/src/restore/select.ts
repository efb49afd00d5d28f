import type { PatternList } from "../fs/filter.ts";

/** What a restore takes of an entry. */
export interface Choice {
  /** The entry itself. */
  readonly isSelected: boolean;
  /** A directory must be looked into, because something below it may be selected. */
  readonly isEntered: boolean;
}

/** Says what is to be included: patterns, or something else that knows it. */
export type IncludeList = Pick<PatternList, "matchInclude">;

const ALL: Choice = { isSelected: true, isEntered: true };
const NOTHING: Choice = { isSelected: false, isEntered: false };

/**
 * Decides what is restored, as restic does: with `include` lists only what one of them matches, and of that nothing that
 * an `exclude` list matches. Paths begin with a slash at the root of what is restored.
 */
export class RestoreSelection {
  readonly #include: readonly IncludeList[];
  readonly #exclude: readonly PatternList[];

  constructor(include: readonly IncludeList[], exclude: readonly PatternList[]) {
    this.#include = include;
    this.#exclude = exclude;
  }

  /** True if every entry is selected, so that nobody needs to ask. */
  get isEverything(): boolean {
    return this.#include.length === 0 && this.#exclude.length === 0;
  }

  choose(path: Uint8Array): Choice {
    if (this.#exclude.some((list) => list.match(path))) return NOTHING;
    if (this.#include.length === 0) return ALL;
    let [isSelected, isEntered] = [false, false];
    for (const list of this.#include) {
      const { matches, childMayMatch } = list.matchInclude(path);
      isSelected ||= matches;
      isEntered ||= childMayMatch;
    }
    return { isSelected, isEntered };
  }
}
