import { describe, expect, test } from "vitest";
import { compilePatterns } from "../fs/filter.ts";
import { Selection } from "./select.ts";

function selection(patterns: readonly string[], cacheDirectory?: string): Selection {
  return new Selection({
    patternLists: patterns.length === 0 ? [] : [compilePatterns(patterns)],
    oneFileSystem: false,
    cacheDirectory: cacheDirectory === undefined ? undefined : Buffer.from(cacheDirectory),
    tagFiles: [],
    ignoreFileNames: [],
    largestSize: undefined,
  });
}

function ask(from: Selection, directory: string, name: string): string | undefined {
  const path = Buffer.from(directory);
  const place = { path, absolutePath: path, device: 1n, sourceDevice: 1n, depth: 0 };
  return from.enter(place).byName(name);
}

describe("DirectorySelection.byName()", () => {
  test.each([
    ["/", "cache", "/cache"],
    ["/root/.cache", "restic", "/root/.cache/restic"],
  ])("leaves out our own cache in %s, and nothing beside it", (directory, name, cache) => {
    expect(ask(selection([], cache), directory, name)).toBe("own-cache");
    expect(ask(selection([], cache), directory, `${name.slice(0, -1)}x`)).toBeUndefined();
    expect(ask(selection([], cache), directory, `${name}x`)).toBeUndefined();
  });

  test("asks the patterns, with names as bytes", () => {
    const patterns = selection(["*.tmp", "/a/ä"], "/cache");
    expect(ask(patterns, "/a", "b.tmp")).toBe("pattern");
    expect(ask(patterns, "/a", Buffer.from("ä").toString("latin1"))).toBe("pattern");
    expect(ask(patterns, "/a", "b")).toBeUndefined();
  });
});
