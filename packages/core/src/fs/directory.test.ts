import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { readDirectory } from "./directory.ts";
import { joinPath, nodePath, toPathBytes } from "./path.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-directory-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("readDirectory() gives raw names in the order of their bytes", () => {
  // U+FF5A sorts before U+1F600 in bytes, after it in JavaScript's strings.
  const names = ["b", "a", "a.b", "aB", "ä", "\uff5a", "\u{1f600}"].map((name) =>
    Buffer.from(name),
  );
  names.push(Buffer.from([0xff, 0xfe]), Buffer.from([0x80]));
  for (const name of names) writeFileSync(nodePath(joinPath(toPathBytes(folder), name)), "");

  const listed = readDirectory(toPathBytes(folder));

  expect(listed.map((name) => Buffer.from(name).toString("hex"))).toEqual(
    names.sort((a, b) => Buffer.compare(a, b)).map((name) => name.toString("hex")),
  );
});

test("readDirectory() throws the system's error for what is no directory", () => {
  writeFileSync(join(folder, "file"), "");
  expect(() => readDirectory(toPathBytes(join(folder, "file")))).toThrow("ENOTDIR");
  expect(() => readDirectory(toPathBytes(join(folder, "missing")))).toThrow("ENOENT");
});
