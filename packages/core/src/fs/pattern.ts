/**
 * One pattern of an exclude or include list, in restic's language.
 *
 * A pattern matches a path if its components match a contiguous run of the path's components. A leading `/` ties the
 * run to the root; `**` as a whole component stands for any number of components; `!` before the pattern takes back
 * what an earlier one matched. Because a run may end before the path does, a pattern that matches a directory
 * matches everything below it.
 *
 * Components are byte strings (see `glob.ts`). The components of an absolute path begin with "/".
 *
 * @module
 */
import { TsbakError } from "../errors.ts";
import { compileGlob } from "./glob.ts";
import type { NameTest } from "./glob.ts";
import { cleanPath, toPathBytes } from "./path.ts";

/** One component: the root, any number of components, a literal name, or a test of a name. */
export type PatternPart =
  | { readonly kind: "root" }
  | { readonly kind: "any-depth" }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "glob"; readonly test: NameTest };

/** A pattern ready for use. */
export interface Pattern {
  readonly isNegated: boolean;
  readonly parts: readonly PatternPart[];
  /** With several `**` restic's answer for a directory does not follow from its parts: see `matchesSlowly`. */
  readonly anyDepths: number;
}

const ROOT: PatternPart = { kind: "root" };
const ANY_DEPTH: PatternPart = { kind: "any-depth" };
const STAR: PatternPart = { kind: "glob", test: () => true };

/** @throws {TsbakError} `invalid-argument` if a component is malformed: an open bracket, a backslash at the end. */
export function compilePattern(text: string): Pattern {
  const isNegated = text.startsWith("!");
  const path = cleanPath(toPathBytes(isNegated ? text.slice(1) : text));
  const names = Buffer.from(path).toString("latin1").split("/");
  const parts = names.map((name, index): PatternPart => {
    if (index === 0 && name === "" && names.length > 1) return ROOT;
    // The empty name is what is left of the pattern "/", which means everything.
    if (name === "**" || name === "") return ANY_DEPTH;
    if (!/[\\[\]*?]/.test(name)) return { kind: "name", name };
    const test = compileGlob(name);
    if (test === undefined) throw malformed(text);
    return { kind: "glob", test };
  });
  return { isNegated, parts, anyDepths: parts.filter((part) => part === ANY_DEPTH).length };
}

/**
 * True if the pattern matches a run of components that ends with the last one. For patterns with at most one `**`;
 * together with the same question for each parent this says whether the path is matched.
 */
export function matchesAtEnd(pattern: Pattern, components: readonly string[]): boolean {
  return matchesUpTo(pattern.parts, pattern.parts.length - 1, components, components.length - 1);
}

/** Parts up to `part` against components up to `at`, both counted backwards. */
function matchesUpTo(
  parts: readonly PatternPart[],
  part: number,
  components: readonly string[],
  at: number,
): boolean {
  const first = components[0] === "/" ? 1 : 0;
  for (; part >= 0; part--, at--) {
    const current = parts[part];
    if (current === undefined) return false;
    if (current.kind === "root") return at === 0 && first === 1;
    if (current.kind === "any-depth") {
      if (part === 0) return true;
      for (let end = at; end >= first - 1; end--) {
        if (matchesUpTo(parts, part - 1, components, end)) return true;
      }
      return false;
    }
    if (at < first || !matchesName(current, components[at] ?? "")) return false;
  }
  return true;
}

/**
 * True if the pattern matches the path, worked out as restic does it: each `**` is replaced by 0, 1, 2, ... stars as
 * long as the pattern is not longer than the path, in which every further `**` counts as one.
 */
export function matchesSlowly(
  parts: readonly PatternPart[],
  components: readonly string[],
): boolean {
  const position = parts.indexOf(ANY_DEPTH);
  if (position >= 0) {
    for (let stars = 0; stars <= components.length - parts.length + 1; stars++) {
      const middle = Array<PatternPart>(stars).fill(STAR);
      const expanded = [...parts.slice(0, position), ...middle, ...parts.slice(position + 1)];
      if (matchesSlowly(expanded, components)) return true;
    }
    return false;
  }
  if (parts.length === 0) return components.length === 0;
  const isRooted = parts[0] === ROOT;
  const first = !isRooted && components[0] === "/" ? 1 : 0;
  const last = isRooted ? 0 : components.length - parts.length;
  for (let offset = Math.min(last, components.length - parts.length); offset >= first; offset--) {
    if (matchesRun(parts, parts.length, components, offset)) return true;
  }
  return false;
}

/** True if something below this path could match. Only a pattern tied to the root can say no. */
export function mayMatchBelow(pattern: Pattern, components: readonly string[]): boolean {
  const { parts } = pattern;
  if (parts[0] !== ROOT) return true;
  const anyDepth = parts.indexOf(ANY_DEPTH);
  const length = Math.min(components.length, anyDepth < 0 ? parts.length : anyDepth);
  return matchesRun(parts, length, components, 0);
}

function matchesRun(
  parts: readonly PatternPart[],
  length: number,
  components: readonly string[],
  offset: number,
): boolean {
  for (let index = length - 1; index >= 0; index--) {
    const part = parts[index];
    if (part === undefined || !matchesName(part, components[offset + index] ?? "")) return false;
  }
  return true;
}

function matchesName(part: PatternPart, name: string): boolean {
  switch (part.kind) {
    case "root":
      return name === "/";
    case "any-depth":
      return false;
    case "name":
      return part.name === name;
    case "glob":
      return part.test(name);
  }
}

function malformed(text: string): TsbakError {
  return new TsbakError(
    "invalid-argument",
    `Cannot use the pattern ${JSON.stringify(text)}: it is malformed; close its brackets, and put a backslash before characters that stand for themselves`,
  );
}
