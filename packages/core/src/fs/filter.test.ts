import { readFileSync } from "node:fs";

import fc from "fast-check";
import { expect, test } from "vitest";

import { compilePatterns } from "./filter.ts";
import { toPathBytes } from "./path.ts";
import { compilePattern, matchesSlowly } from "./pattern.ts";

interface Case {
  readonly ignoreCase: boolean;
  readonly patterns: readonly string[];
  /** The entries at which restic 0.19.1 stopped, "everything" for all at the top, "invalid" if it refused to start. */
  readonly excluded: readonly string[] | "everything" | "invalid";
}

interface Recorded {
  /** What was backed up, relative to `/demo`, sorted. */
  readonly entries: readonly string[];
  readonly cases: readonly Case[];
}

const recorded = JSON.parse(
  readFileSync(new URL("./filter-cases.json", import.meta.url), "utf8"),
) as Recorded;

/** As a backup walks: what lies below an excluded directory is never asked for. */
function excludedBy(patterns: readonly string[], ignoreCase: boolean): string[] {
  const list = compilePatterns(patterns, { ignoreCase });
  const excluded: string[] = [];
  for (const entry of recorded.entries) {
    if (excluded.some((directory) => entry.startsWith(`${directory}/`))) continue;
    if (list.match(toPathBytes(`/demo/${entry}`))) excluded.push(entry);
  }
  return excluded.sort();
}

test.each(recorded.cases)(
  "compilePatterns($patterns) excludes what restic excludes (ignoreCase: $ignoreCase)",
  ({ patterns, ignoreCase, excluded }) => {
    if (excluded === "invalid") {
      expect(() => compilePatterns(patterns, { ignoreCase })).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
      return;
    }
    const everything = recorded.entries.filter((entry) => !entry.includes("/"));
    const expected = excluded === "everything" ? everything : [...excluded];
    expect(excludedBy(patterns, ignoreCase)).toEqual(expected.sort());
  },
);

const component = fc.constantFrom("a", "b", "ab", "*", "a*", "?", "[ab]", "**", "c");
const pattern = fc
  .tuple(fc.constantFrom("", "/", "!", "!/"), fc.array(component, { minLength: 1, maxLength: 4 }))
  .map(([start, components]) => start + components.join("/"));
const name = fc.constantFrom("a", "b", "ab", "c", "abc");
const path = fc
  .tuple(fc.constantFrom("", "/"), fc.array(name, { minLength: 1, maxLength: 5 }))
  .map(([start, names]) => start + names.join("/"));

test("PatternList.match() is what the slow way says for each pattern, in any order of paths", () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 4 }), fc.array(path), (patterns, paths) => {
      const list = compilePatterns(patterns);
      for (const text of paths) {
        const components = text.split("/");
        if (components[0] === "") components[0] = "/";
        let expected = false;
        for (const { parts, isNegated } of patterns.map(compilePattern)) {
          if (isNegated === expected && matchesSlowly(parts, components)) expected = !expected;
        }
        expect(list.match(toPathBytes(text))).toBe(expected);
        expect(list.matchInclude(toPathBytes(text)).matches).toBe(expected);
      }
    }),
    { numRuns: 1000 },
  );
});

test("PatternList.matchInclude() never closes a directory below which something matches", () => {
  fc.assert(
    fc.property(
      fc.array(pattern.filter((text) => !text.startsWith("!"))),
      path,
      (patterns, text) => {
        const list = compilePatterns(patterns);
        if (!list.matchInclude(toPathBytes(text)).matches) return;
        const components = text.split("/");
        for (let length = 1; length < components.length; length++) {
          const directory = components.slice(0, length).join("/");
          if (directory === "") continue;
          expect(list.matchInclude(toPathBytes(directory)).childMayMatch).toBe(true);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("PatternList.matchInclude() prunes by patterns that are tied to the root, and only by them", () => {
  const rooted = compilePatterns(["/home/me/*.txt"]);
  const ask = (text: string): unknown => rooted.matchInclude(toPathBytes(text));
  expect(ask("/home")).toEqual({ matches: false, childMayMatch: true });
  expect(ask("/home/me")).toEqual({ matches: false, childMayMatch: true });
  expect(ask("/home/you")).toEqual({ matches: false, childMayMatch: false });
  expect(ask("/etc")).toEqual({ matches: false, childMayMatch: false });
  expect(ask("/home/me/a.txt")).toEqual({ matches: true, childMayMatch: true });
  expect(ask("/")).toEqual({ matches: false, childMayMatch: true });

  const loose = compilePatterns(["me"]);
  expect(loose.matchInclude(toPathBytes("/etc"))).toEqual({ matches: false, childMayMatch: true });
  const none = compilePatterns([]);
  expect(none.matchInclude(toPathBytes("/etc"))).toEqual({ matches: false, childMayMatch: false });
});

test("PatternList matches names that are no UTF-8, a bad byte counting as one character", () => {
  const name = Buffer.from([0x2f, 0x78, 0xff, 0x79]);
  expect(compilePatterns(["x?y"]).match(name)).toBe(true);
  expect(compilePatterns(["x*"]).match(name)).toBe(true);
  expect(compilePatterns(["x[^a]y"]).match(name)).toBe(true);
  expect(compilePatterns(["x??y"]).match(name)).toBe(false);
  expect(compilePatterns(["xÿy"]).match(name)).toBe(false);
});

test("PatternList without patterns matches nothing", () => {
  const list = compilePatterns([""]);
  expect(list.isEmpty).toBe(true);
  expect(list.match(toPathBytes("/a"))).toBe(false);
});
