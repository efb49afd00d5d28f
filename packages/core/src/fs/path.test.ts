import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import {
  absolutePath,
  cleanPath,
  joinPath,
  printablePath,
  splitPath,
  toPathBytes,
} from "./path.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

// The table of Go's path/filepath documentation and tests.
test.each([
  ["", "."],
  ["abc", "abc"],
  ["abc/def", "abc/def"],
  [".", "."],
  ["..", ".."],
  ["../..", "../.."],
  ["../../abc", "../../abc"],
  ["/abc", "/abc"],
  ["/", "/"],
  ["abc/", "abc"],
  ["../", ".."],
  ["/abc/", "/abc"],
  ["abc//def//ghi", "abc/def/ghi"],
  ["abc//", "abc"],
  ["abc/./def", "abc/def"],
  ["/./abc/def", "/abc/def"],
  ["abc/.", "abc"],
  ["abc/def/ghi/../jkl", "abc/def/jkl"],
  ["abc/def/../..", "."],
  ["/abc/def/../..", "/"],
  ["abc/def/../../..", ".."],
  ["/abc/def/../../..", "/"],
  ["abc/def/../../../ghi/jkl/../../../mno", "../../mno"],
  ["/../abc", "/abc"],
  ["abc/./../def", "def"],
  ["abc//./../def", "def"],
  ["//", "/"],
  ["...", "..."],
])("cleanPath() makes %j into %j", (path, expected) => {
  expect(text(cleanPath(toPathBytes(path)))).toBe(expected);
});

test("joinPath() puts exactly one slash between", () => {
  expect(text(joinPath(toPathBytes("/a"), toPathBytes("b")))).toBe("/a/b");
  expect(text(joinPath(toPathBytes("/"), toPathBytes("b")))).toBe("/b");
  expect(text(joinPath(toPathBytes(""), toPathBytes("b")))).toBe("b");
});

test("splitPath() gives the names and keeps bytes that are no UTF-8", () => {
  expect(splitPath(toPathBytes("//a/b//c/")).map(text)).toEqual(["a", "b", "c"]);
  expect(splitPath(Buffer.from([0x2f, 0xff, 0x2f, 0xfe])).map(text)).toEqual(["\xff", "\xfe"]);
  expect(splitPath(toPathBytes("/"))).toEqual([]);
});

test("absolutePath() starts at the given directory, and stays where the path is absolute", () => {
  const from = toPathBytes("/home/me");
  expect(text(absolutePath(toPathBytes("../x/."), from))).toBe("/home/x");
  expect(text(absolutePath(toPathBytes("/x//y"), from))).toBe("/x/y");
  expect(text(absolutePath(toPathBytes("."), from))).toBe("/home/me");
});

test("absolutePath() keeps the symlink by which $PWD names the working directory", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tsbak-path-")));
  const [previous, pwd] = [process.cwd(), process.env["PWD"]];
  mkdirSync(join(folder, "real"));
  symlinkSync("real", join(folder, "link"));
  process.chdir(join(folder, "link"));
  try {
    process.env["PWD"] = join(folder, "link");
    expect(text(absolutePath(toPathBytes("f")))).toBe(`${folder}/link/f`);
    process.env["PWD"] = "/usr";
    expect(text(absolutePath(toPathBytes("f")))).toBe(`${folder}/real/f`);
  } finally {
    process.env["PWD"] = pwd;
    process.chdir(previous);
    rmSync(folder, { recursive: true });
  }
});

test("printablePath() quotes control characters and bytes that are no UTF-8", () => {
  expect(printablePath(toPathBytes("/tmp/ä €/\u{1f600}"))).toBe("/tmp/ä €/\u{1f600}");
  expect(printablePath(toPathBytes("a\nb\u001b[2J\u007f"))).toBe("a\\x0ab\\x1b[2J\\x7f");
  expect(printablePath(Buffer.from([0x61, 0xff, 0xc3, 0xa4, 0xc3, 0x0a]))).toBe(
    "a\\xffä\\xc3\\x0a",
  );
  expect(printablePath(toPathBytes("\u009b1m"))).toBe("\\xc2\\x9b1m");
  expect(printablePath(toPathBytes("real \ufffd"))).toBe("real \ufffd");
});
