import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decidingRule, readIgnoreFile } from "./ignore-file.ts";

/** Paths below the folder of the file; folders are those of others. */
const FILES = [
  ...[
    "a",
    "b.o",
    "a.b.c",
    "keep.o",
    "dir/a",
    "dir/b.o",
    "dir/keep.o",
    "dir/sub/a",
    "dir/sub/deep/a",
  ],
  ...[
    "other/dir/a",
    "other/sub/a",
    "foo/bar",
    "foo/x/bar",
    "foo/x/y/bar",
    "x]",
    "x-y",
    "[x",
    "B.O",
  ],
  ...[
    "!bang",
    "#hash",
    "back\\slash",
    "end ",
    "end",
    "sp ace",
    "star*",
    "q?",
    "q1",
    "tab\tx",
    "ä",
    "é/x",
  ],
];

const toBytes = (text: string): string => Buffer.from(text).toString("latin1");

/** Files that the rules leave out, as a backup walks: below a folder that is left out nothing is looked at. */
function ignoredBy(text: string): string[] {
  const rules = readIgnoreFile(Buffer.from(text));
  const isOut = (names: readonly string[], isDirectory: boolean): boolean =>
    decidingRule(rules, names, isDirectory)?.isNegated === false;
  return FILES.filter((file) => {
    const names = toBytes(file).split("/");
    return names.some((_, at) => isOut(names.slice(0, at + 1), at < names.length - 1));
  }).sort();
}

const below = (folder: string): string[] => FILES.filter((file) => file.startsWith(`${folder}/`));

const CASES: readonly (readonly [lines: string, ignored: readonly string[]])[] = [
  ["a", ["a", "dir/a", "dir/sub/a", "dir/sub/deep/a", "other/dir/a", "other/sub/a"]],
  ["/a", ["a"]],
  ["a/", []],
  ["dir", [...below("dir"), "other/dir/a"]],
  ["dir/", [...below("dir"), "other/dir/a"]],
  ["/dir/", below("dir")],
  ["dir/a", ["dir/a"]],
  ["dir/*", below("dir")],
  ["dir/**", below("dir")],
  ["**/dir", [...below("dir"), "other/dir/a"]],
  ["**/dir/a", ["dir/a", "other/dir/a"]],
  ["foo/**/bar", ["foo/bar", "foo/x/bar", "foo/x/y/bar"]],
  ["foo/*/bar", ["foo/x/bar"]],
  ["foo/*/*/bar", ["foo/x/y/bar"]],
  ["foo**bar", []],
  ["*.o\n!keep.o", ["b.o", "dir/b.o"]],
  ["!keep.o\n*.o", ["b.o", "keep.o", "dir/b.o", "dir/keep.o"]],
  ["dir\n!dir/a", [...below("dir"), "other/dir/a"]],
  ["/dir/*\n!/dir/sub", ["dir/a", "dir/b.o", "dir/keep.o"]],
  ["/*\n!/foo", FILES.filter((file) => !file.startsWith("foo/"))],
  ["*\n!*/\n!*.o", FILES.filter((file) => !file.endsWith(".o"))],
  ["# comment\n\n   \n", []],
  ["#hash", []],
  ["\\#hash", ["#hash"]],
  ["\\!bang", ["!bang"]],
  ["!bang", []],
  ["end ", ["end"]],
  ["end\\ ", ["end "]],
  ["end\\ \\ ", []],
  ["sp ace", ["sp ace"]],
  ["tab\t*", ["tab\tx"]],
  ["back\\\\slash", ["back\\slash"]],
  ["back\\slash", []],
  ["di*\\/a", ["dir/a"]],
  ["\\/a", []],
  ["star\\*", ["star*"]],
  ["q[?]", ["q?"]],
  ["q?", ["q1", "q?"]],
  ["[[]x", ["[x"]],
  ["[x", []],
  ["x[]]", ["x]"]],
  ["x[-]y", ["x-y"]],
  ["x[!a]y", ["x-y"]],
  ["x[^a]y", ["x-y"]],
  ["x[a-]y", ["x-y"]],
  ["q[[:digit:]]", ["q1"]],
  ["q[![:digit:]]", ["q?"]],
  ["q[[:nothing:]]", []],
  ["a\\", []],
  ["a\r\n", ["a", "dir/a", "dir/sub/a", "dir/sub/deep/a", "other/dir/a", "other/sub/a"]],
  ["\ufeff/a", ["a"]],
  ["ä", ["ä"]],
  ["é/", ["é/x"]],
  ["*.*.*", ["a.b.c"]],
  ["*", FILES],
  ["**", FILES],
  ["/**", FILES],
  ["**/", FILES.filter((file) => file.includes("/"))],
  ["/", []],
  ["//a", []],
  ["[/x]-y", ["x-y"]],
  ["./a", []],
  ["dir//a", []],
  ["**/**/a", ["a", "dir/a", "dir/sub/a", "dir/sub/deep/a", "other/dir/a", "other/sub/a"]],
  ["**/sub/**", ["dir/sub/a", "dir/sub/deep/a", "other/sub/a"]],
  ["dir/**/a", ["dir/a", "dir/sub/a", "dir/sub/deep/a"]],
];

test.each(CASES)("the rules %j leave out what git leaves out", (lines, ignored) => {
  expect(ignoredBy(lines)).toEqual([...ignored].sort());
});

const hasGit = spawnSync("git", ["--version"]).status === 0;

describe.skipIf(!hasGit)("git itself", () => {
  let folder: string;

  beforeAll(() => {
    folder = fs.mkdtempSync(join(tmpdir(), "tsbak-ignore-"));
    execFileSync("git", ["init", "-q", folder]);
    for (const file of FILES) {
      fs.mkdirSync(dirname(join(folder, file)), { recursive: true });
      fs.writeFileSync(join(folder, file), "");
    }
  });

  afterAll(() => fs.rmSync(folder, { recursive: true }));

  function ignoredByGit(text: string): string[] {
    fs.writeFileSync(join(folder, ".rules"), text);
    const args = ["ls-files", "-z", "--others", "--exclude-per-directory=.rules"];
    const kept = execFileSync("git", args, { cwd: folder, encoding: "utf8" }).split("\0");
    return FILES.filter((file) => !kept.includes(file)).sort();
  }

  test("says of each case the same", () => {
    const differing = CASES.filter(([lines, ignored]) => {
      return ignoredByGit(lines).join("\n") !== [...ignored].sort().join("\n");
    });
    expect(differing).toEqual([]);
  });

  test("says of random rules the same", () => {
    const pieces = ["a", "b", "dir", "sub", "foo", "bar", "x", "*", "**", "?", "/", "/", "."];
    const more = ["[a-f]", "[!a]", "[]x]", "\\", " ", "o", "!", "keep", "#", "-", "[", "]"];
    const line = fc.array(fc.constantFrom(...pieces, ...more), { minLength: 1, maxLength: 6 });
    const lines = fc.array(line, { minLength: 1, maxLength: 4 });

    fc.assert(
      fc.property(lines, (parts) => {
        const text = parts.map((part) => part.join("")).join("\n");
        // Of these git's manual and git itself say different things, if there is a slash behind them.
        fc.pre(!/[^/\n!]\*\*|\*\*[^/\n]/.test(text));
        // git takes a character that is no ASCII for several.
        const isAscii = (file: string): boolean => /^[\0-\x7f]*$/.test(file);
        expect(ignoredBy(text).filter(isAscii)).toEqual(ignoredByGit(text).filter(isAscii));
      }),
      { numRuns: 150 },
    );
  });
});
