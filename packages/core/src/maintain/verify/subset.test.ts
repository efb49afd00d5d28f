import { expect, test } from "vitest";
import { choosePacks, parseSubset, type PackChoice } from "./subset.ts";

const packs: readonly PackChoice[] = Array.from({ length: 512 }, (_, at) => ({
  name: (at % 256).toString(16).padStart(2, "0") + "0".repeat(62),
  size: 100,
}));

test("parseSubset() reads parts, shares and sizes", () => {
  expect(parseSubset("2/5")).toEqual({ part: 2, of: 5 });
  expect(parseSubset("256/256")).toEqual({ part: 256, of: 256 });
  expect(parseSubset("2.5%")).toEqual({ percent: 2.5 });
  expect(parseSubset("500M")).toEqual({ size: 500 * 2 ** 20 });
  expect(parseSubset("3GiB")).toEqual({ size: 3 * 2 ** 30 });
  expect(parseSubset("100")).toEqual({ size: 100 });
});

test("parseSubset() refuses nonsense", () => {
  const texts = [
    "",
    "0/5",
    "6/5",
    "1/257",
    "1/",
    "-1/3",
    "1.5/3",
    "0%",
    "101%",
    "%",
    "-5%",
    "1e1%",
  ];
  for (const text of [...texts, "0", "M", "5X", "-5M", "5 M", "9999999999T", "x/y"]) {
    expect(() => parseSubset(text), text).toThrow(/^Cannot read subset/);
  }
});

test("choosePacks() divides packs by their first byte, each into one part", () => {
  const parts = [1, 2, 3, 4, 5].map((part) => choosePacks(packs, { part, of: 5 }));

  expect(parts.flat()).toHaveLength(512);
  expect(new Set(parts.flat())).toEqual(new Set(packs));
  expect(parts[1]?.every(({ name }) => parseInt(name.slice(0, 2), 16) % 5 === 1)).toBe(true);
});

test("choosePacks() chooses a share or a size at random, and at least one pack", () => {
  expect(choosePacks(packs, { percent: 25 })).toHaveLength(128);
  expect(choosePacks(packs, { percent: 100 })).toHaveLength(512);
  expect(choosePacks(packs, { percent: 0.01 })).toHaveLength(1);
  expect(choosePacks(packs, { size: 950 })).toHaveLength(10);
  expect(choosePacks(packs, { size: 1 })).toHaveLength(1);
  expect(choosePacks([], { percent: 50 })).toEqual([]);
  expect(choosePacks(packs, { size: 500 }, () => 0)).not.toEqual(packs.slice(0, 5));
});
