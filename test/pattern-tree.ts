import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { toPath, toRaw } from "./raw-path.ts";

/** Raw paths of files; those that end in a slash are folders. */
const ENTRIES: readonly string[] = [
  "!bang",
  "#hash",
  "$dollar",
  " lead",
  "trail ",
  "Up/Case/FILE.TXT",
  "Up/readme",
  "a/b/c/f.o",
  "a/b/f.txt",
  "a/d/b/g.o",
  "a/f.txt",
  "a1",
  "a2",
  "a10",
  "b-1",
  "back\\slash",
  "br[1]/f",
  "deep/1/2/3/4/x",
  "deep/1/x",
  "deep/x/1/x",
  "empty/",
  "foo",
  "foo.bar",
  "foobar/foo",
  "home/user/.bashrc",
  "home/user/.cache/x/y",
  "home/user/notes.txt",
  "new\nline",
  "sp ace/file one",
  "src/.git/config",
  "src/lib/node_modules/k",
  "src/main.c",
  "src/main.o",
  "src/node_modules/m/i.js",
  "star*/in",
  "what?",
  toRaw("ÄÖ/Straße"),
  toRaw("ä.txt"),
  toRaw("a\u0308.txt"),
  toRaw("€"),
  toRaw("ΣΑΣ"),
  toRaw("İ"),
  "\xff",
  "caf\xe9/x",
  "a\xff\xfeb.txt",
];

/** Make the tree that the pattern cases are about in the folder `root`, which is made. */
export function makePatternTree(root: string): void {
  for (const entry of ENTRIES) {
    const path = `${toRaw(root)}/${entry}`;
    mkdirSync(toPath(dirname(`${path}.`)), { recursive: true });
    if (!entry.endsWith("/")) writeFileSync(toPath(path), entry);
  }
  symlinkSync("a", `${root}/link`);
}
