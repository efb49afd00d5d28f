/**
 * Lists of patterns, as restic's `--exclude` and `--include` understand them.
 *
 * @module
 */
import { compilePattern, matchesAtEnd, matchesSlowly, mayMatchBelow } from "./pattern.ts";
import type { Pattern } from "./pattern.ts";

/** How a list is read. */
export interface PatternOptions {
  /** Compare without regard to upper and lower case. */
  readonly ignoreCase?: boolean | undefined;
  /** Where each pattern comes from, in words, for explanations. */
  readonly origins?: readonly string[] | undefined;
}

/** Patterns as they were written. */
export interface PatternSource {
  readonly patterns: readonly string[];
  readonly ignoreCase: boolean;
  readonly origins: readonly string[];
}

/** A pattern that decides about a path. */
export interface DecidingPattern {
  readonly pattern: string;
  /** As it was given; empty if it was not. */
  readonly origin: string;
  readonly isNegated: boolean;
}

/** What an include list says of a path. */
export interface IncludeMatch {
  readonly matches: boolean;
  /** False if nothing below the path can match, so that a directory need not be entered. */
  readonly childMayMatch: boolean;
}

/** A directory on the way to the paths that are asked for, and which patterns match it or one of its parents. */
interface Directory {
  readonly components: readonly string[];
  readonly isMatchedBy: readonly boolean[];
}

/** Enough for the depth of a tree and some siblings; only speed depends on it. */
const MOST_DIRECTORIES = 1000;

/**
 * Compile patterns; empty ones are left out.
 *
 * @throws {TsbakError} `invalid-argument` for a malformed pattern.
 */
export function compilePatterns(
  patterns: readonly string[],
  options: PatternOptions = {},
): PatternList {
  const ignoreCase = options.ignoreCase ?? false;
  const used = patterns.filter((pattern) => pattern !== "");
  const origins = (options.origins ?? []).filter((_, at) => patterns[at] !== "");
  const compiled = used.map((pattern) => compilePattern(ignoreCase ? lowerCase(pattern) : pattern));
  return new PatternList(compiled, { patterns: used, ignoreCase, origins });
}

/**
 * Patterns in the order in which they were given, where later ones win.
 *
 * Paths are clean: from `/`, or relative, without empty components, `.`, `..` or a slash at the end. Paths may
 * come in any order, but siblings in a row are fastest, because what the directory says is remembered.
 */
export class PatternList {
  /** What the list was compiled from, to be compiled again in another thread. */
  readonly source: PatternSource;
  readonly #patterns: readonly Pattern[];
  readonly #ignoreCase: boolean;
  readonly #hasNegated: boolean;
  /** Which patterns can match a path with this last name, by that name. */
  readonly #byLastName = new Map<string, number[]>();
  /** Patterns whose last component is no plain name. */
  readonly #others: number[] = [];
  readonly #directories = new Map<string, Directory>();

  constructor(patterns: readonly Pattern[], source: PatternSource) {
    this.source = source;
    this.#patterns = patterns;
    this.#ignoreCase = source.ignoreCase;
    this.#hasNegated = patterns.some((pattern) => pattern.isNegated);
    patterns.forEach((pattern, index) => this.#sortIn(pattern, index));
  }

  /** True for a list that matches nothing. */
  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /** True if the path, or a directory above it, is matched and not taken back by a later `!` pattern. */
  match(path: Uint8Array): boolean {
    if (this.#patterns.length === 0) return false;
    const text = this.#toText(path);
    if (text === "/") return this.#conclude((pattern) => matchesSlowly(pattern.parts, ["/", ""]));
    const directory = this.#directoryOf(text);
    if (!this.#hasNegated && directory.isMatchedBy.includes(true)) return true;
    const components = [...directory.components, text.slice(text.lastIndexOf("/") + 1)];
    if (!this.#hasNegated) return this.#findAtEnd(components, () => true);
    const isMatchedBy = this.#matchEach(directory, components);
    return this.#conclude((_, index) => isMatchedBy[index] === true);
  }

  /** The last pattern that changes what `match` says; undefined if none matches. Slow: for those who ask why. */
  decidingPattern(path: Uint8Array): DecidingPattern | undefined {
    const text = this.#toText(path);
    const components = text === "/" ? ["/", ""] : componentsOf(text);
    let at = -1;
    let matched = false;
    this.#patterns.forEach((pattern, index) => {
      if (pattern.isNegated !== matched || !matchesSlowly(pattern.parts, components)) return;
      matched = !matched;
      at = index;
    });
    const pattern = this.source.patterns[at];
    if (pattern === undefined) return undefined;
    return { pattern, origin: this.source.origins[at] ?? "", isNegated: !matched };
  }

  /** What the list says as one of things to include: a directory must be entered if a child may match. */
  matchInclude(path: Uint8Array): IncludeMatch {
    const text = this.#toText(path);
    const components = text === "/" ? ["/", ""] : componentsOf(text);
    let [matches, childMayMatch] = [false, false];
    for (const pattern of this.#patterns) {
      const isMatch = matchesSlowly(pattern.parts, components);
      if (pattern.isNegated) {
        matches &&= !isMatch;
        childMayMatch &&= !isMatch;
      } else {
        matches ||= isMatch;
        childMayMatch ||= text === "/" || mayMatchBelow(pattern, components);
      }
    }
    return { matches, childMayMatch };
  }

  #sortIn(pattern: Pattern, index: number): void {
    const last = pattern.parts.at(-1);
    if (last?.kind !== "name" || pattern.anyDepths > 1) {
      this.#others.push(index);
      return;
    }
    const same = this.#byLastName.get(last.name);
    if (same === undefined) this.#byLastName.set(last.name, [index]);
    else same.push(index);
  }

  #toText(path: Uint8Array): string {
    const text = Buffer.from(path.buffer, path.byteOffset, path.length).toString("latin1");
    if (!this.#ignoreCase) return text;
    return Buffer.from(lowerCase(Buffer.from(text, "latin1").toString())).toString("latin1");
  }

  #conclude(isMatch: (pattern: Pattern, index: number) => boolean): boolean {
    let matched = false;
    this.#patterns.forEach((pattern, index) => {
      if (pattern.isNegated === matched && isMatch(pattern, index)) matched = !matched;
    });
    return matched;
  }

  /** Calls `found` for each pattern that matches a run up to the last component, until it says true. */
  #findAtEnd(components: readonly string[], found: (index: number) => boolean): boolean {
    const named = this.#byLastName.get(components.at(-1) ?? "");
    if (named !== undefined) {
      for (const index of named) if (this.#isAtEnd(index, components) && found(index)) return true;
    }
    for (const index of this.#others) {
      if (this.#isAtEnd(index, components) && found(index)) return true;
    }
    return false;
  }

  #isAtEnd(index: number, components: readonly string[]): boolean {
    const pattern = this.#patterns[index];
    if (pattern === undefined) return false;
    return pattern.anyDepths > 1
      ? matchesSlowly(pattern.parts, components)
      : matchesAtEnd(pattern, components);
  }

  #matchEach(directory: Directory, components: readonly string[]): boolean[] {
    const isMatchedBy = [...directory.isMatchedBy];
    this.#findAtEnd(components, (index) => {
      isMatchedBy[index] = true;
      return false;
    });
    return isMatchedBy;
  }

  /** The directory that a path lies in. */
  #directoryOf(path: string): Directory {
    const slash = path.lastIndexOf("/");
    return this.#directory(slash === 0 ? "/" : path.slice(0, Math.max(slash, 0)));
  }

  #directory(path: string): Directory {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const directory = this.#makeDirectory(path);
    if (this.#directories.size >= MOST_DIRECTORIES) this.#directories.clear();
    this.#directories.set(path, directory);
    return directory;
  }

  #makeDirectory(path: string): Directory {
    const nothing = { components: [], isMatchedBy: this.#patterns.map(() => false) };
    if (path === "") return nothing;
    const parent = path === "/" ? nothing : this.#directoryOf(path);
    const name = path === "/" ? "/" : path.slice(path.lastIndexOf("/") + 1);
    const components = [...parent.components, name];
    return { components, isMatchedBy: this.#matchEach(parent, components) };
  }
}

function componentsOf(path: string): string[] {
  const components = path.split("/");
  if (components[0] === "") components[0] = "/";
  return components;
}

/** Character by character as Go does it, not by the rules of a language: a final sigma stays an inner one. */
function lowerCase(text: string): string {
  let lower = "";
  for (const character of text) lower += firstCharacter(character.toLowerCase());
  return lower;
}

function firstCharacter(text: string): string {
  return String.fromCodePoint(text.codePointAt(0) ?? 0);
}
