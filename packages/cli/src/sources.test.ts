import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gatherSources } from "./sources.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbak-sources-"));
  for (const name of ["one", "two"]) mkdirSync(join(folder, name));
  for (const name of ["one/a.txt", "one/b.txt", "two/a.txt", "[x]"]) {
    writeFileSync(join(folder, name), "");
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

async function gather(kind: string, text: string | Uint8Array): Promise<string[]> {
  const list = join(folder, "list");
  writeFileSync(list, text);
  const missing: string[] = [];
  const found = await gatherSources([], { [kind]: [list] }, (pattern) => missing.push(pattern));
  const names = found.map((path) => Buffer.from(path).toString("latin1").replace(`${folder}/`, ""));
  return [...names, ...missing.map((pattern) => `missing ${pattern.replace(`${folder}/`, "")}`)];
}

test("gatherSources() expands globs, and tells of those that match nothing", async () => {
  const lines = `# comment\n\n  ${folder}/*/a.txt  \n${folder}/[[]x]\n${folder}/none*\n${folder}/one/\n`;

  expect(await gather("filesFrom", lines)).toEqual([
    "one/a.txt",
    "two/a.txt",
    "[x]",
    "one",
    "missing none*",
  ]);
});

test("gatherSources() takes verbatim lines as they are", async () => {
  expect(await gather("filesFromVerbatim", "# a\n b*\n\nc")).toEqual(["# a", " b*", "c"]);
});

test("gatherSources() takes any bytes from a raw list", async () => {
  expect(await gather("filesFromRaw", Buffer.from("a\n\xff\0b\0", "latin1"))).toEqual([
    "a\n\xff",
    "b",
  ]);
});

test("gatherSources() refuses a raw list that is cut off or has an empty path", async () => {
  await expect(gather("filesFromRaw", "a\0b")).rejects.toThrow(/cut off/);
  await expect(gather("filesFromRaw", "a\0\0")).rejects.toThrow(/empty path/);
});
