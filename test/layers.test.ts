import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findBreaches } from "./layer-rules.ts";

const packages = join(import.meta.dirname, "..", "packages");
const declared = new Map(
  ["core", "backends", "cli"].map((name) => [
    name,
    namesDeclaredBy(join(packages, name, "package.json")),
  ]),
);

function namesDeclaredBy(file: string): Set<string> {
  const content = JSON.parse(readFileSync(file, "utf8")) as Partial<Record<string, object>>;
  return new Set(
    ["dependencies", "optionalDependencies"].flatMap((key) => Object.keys(content[key] ?? {})),
  );
}

function breachesOf(path: string, text: string): string[] {
  return findBreaches(new Map([[path, text]]), declared);
}

test("every file under packages keeps the import rules", () => {
  const files = globSync("*/src/**/*.ts", { cwd: packages }).filter(
    (path) => !path.includes("/kernel/"),
  );
  const sources = new Map(files.map((path) => [path, readFileSync(join(packages, path), "utf8")]));

  const breaches = findBreaches(sources, declared);

  expect(files.length).toBeGreaterThan(3);
  expect(breaches).toEqual([]);
});

describe("findBreaches()", () => {
  test.each([
    ["an upward import", "core/src/format/a.ts", 'import { b } from "../repository/b.ts";'],
    ["an upward import of a type", "core/src/fs/a.ts", 'import type { B } from "../backup/b.ts";'],
    ["an upward lazy import", "core/src/bytes/a.ts", 'const b = await import("../format/b.ts");'],
    ["an upward re-export", "core/src/bytes/a.ts", 'export * from "../format/b.ts";'],
    [
      "an upward worker",
      "core/src/fs/a.ts",
      'new Worker(new URL("../backup/b.ts", import.meta.url));',
    ],
    ["a folder of the same layer", "core/src/crypto/a.ts", 'import { b } from "../compress/b.ts";'],
    ["the public index", "core/src/backup/a.ts", 'import { b } from "../index.ts";'],
    ["a folder in no layer", "core/src/extra/a.ts", 'import { b } from "../errors.ts";'],
    ["core importing backends", "core/src/backup/a.ts", 'import { b } from "@tsbak/backends";'],
    ["backends importing the command", "backends/src/a.ts", 'import { b } from "tsbak";'],
    [
      "a climb into another package",
      "cli/src/a.ts",
      'import { b } from "../../core/src/errors.ts";',
    ],
    ["a deep climb", "cli/src/commands/a.ts", 'import { b } from "../../../core/src/errors.ts";'],
    ["an undeclared package", "core/src/backup/a.ts", 'import { b } from "left-pad";'],
    ["the test runner elsewhere", "core/src/backup/a.ts", 'import { test } from "vitest";'],
    ["the disk in a codec", "core/src/format/a.ts", 'import { open } from "node:fs/promises";'],
    [
      "a program started by an operation",
      "core/src/backup/a.ts",
      'import { spawn } from "node:child_process";',
    ],
    ["the network in core", "core/src/fs/a.ts", 'import { connect } from "node:net";'],
    ["a vague name", "core/src/bytes/byte-utils.ts", ""],
    ["a vague folder", "cli/src/types/a.ts", ""],
    ["a file of 351 lines", "core/src/bytes/a.ts", "// line\n".repeat(351)],
  ])("refuses %s", (_, path, text) => {
    expect(breachesOf(path, text)).toHaveLength(1);
  });

  test.each([
    ["a downward import", "core/src/backup/a.ts", 'import { b } from "../repository/b.ts";'],
    ["a skip of layers", "core/src/repository/a.ts", 'import { b } from "../bytes/b.ts";'],
    ["errors from everywhere", "core/src/bytes/a.ts", 'import { b } from "../errors.ts";'],
    ["the own folder", "core/src/format/json/a.ts", 'import { b } from "../tree.ts";'],
    ["the disk in fs", "core/src/fs/a.ts", 'import { lstatSync } from "node:fs";'],
    ["core from the command", "cli/src/a.ts", 'import { b } from "@tsbak/core";'],
    ["the suite from a test", "backends/src/a.test.ts", 'import { b } from "@tsbak/core/testing";'],
    ["the test runner in the suite", "core/src/testing/a.ts", 'import { test } from "vitest";'],
    ["an import that is only a comment", "core/src/format/a.ts", '// import "../backup/b.ts"'],
    ["a file of 350 lines", "core/src/bytes/a.ts", "// line\n".repeat(350)],
  ])("accepts %s", (_, path, text) => {
    expect(breachesOf(path, text)).toEqual([]);
  });
});
