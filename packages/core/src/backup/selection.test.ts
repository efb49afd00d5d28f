import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { decodeTree } from "../format/tree.ts";
import { compilePatterns } from "../fs/filter.ts";
import { CACHE_TAG } from "../fs/tag-file.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import type { BackupOptions } from "./backup-options.ts";
import { backup } from "./backup.ts";

let source: string;
let repository: Repository;

beforeAll(async () => {
  repository = await createQuickly(new MemoryBackend(), { password: "x" });
});

beforeEach(() => {
  source = fs.mkdtempSync(join(tmpdir(), "tsbak-selection-"));
});

afterEach(() => {
  fs.rmSync(source, { recursive: true, force: true });
});

function write(path: string, contents: string | Buffer): void {
  fs.mkdirSync(join(source, path, ".."), { recursive: true });
  fs.writeFileSync(join(source, path), contents);
}

async function pathsOf(tree: string, prefix = ""): Promise<string[]> {
  const nodes = decodeTree(await repository.loadBlob("tree", tree));
  const paths = await Promise.all(
    nodes.map(async ({ name, subtree }) => {
      const path = prefix + Buffer.from(name).toString();
      return subtree === undefined ? [path] : [path, ...(await pathsOf(subtree, `${path}/`))];
    }),
  );
  return paths.flat();
}

interface Saved {
  /** Below the source, in order. */
  readonly paths: readonly string[];
  readonly warnings: readonly string[];
  readonly files: number;
}

/** Back up the source, with the snapshot of the last time as the parent. */
async function save(options: BackupOptions = {}, path = source): Promise<Saved> {
  const warnings: string[] = [];
  const { tree, totalFilesProcessed } = await backup(repository, [path], {
    ...options,
    threads: 1,
    onEvent: (notice) => {
      if (notice.kind === "warning") warnings.push(notice.message.replaceAll(source, "/source"));
    },
  });
  const above = `${source.slice(1)}/`;
  const paths = await pathsOf(tree);
  const inside = paths.filter((path) => path.startsWith(above));
  return {
    paths: inside.map((path) => path.slice(above.length)),
    warnings,
    files: totalFilesProcessed,
  };
}

describe("backup() with excludeIfPresent", () => {
  const tagged = { excludeIfPresent: [{ name: ".nobackup", header: "" }] };

  beforeEach(() => {
    write("a/.nobackup", "");
    write("a/file", "1");
    write("a/sub/inner", "2");
    write("b/file", "3");
    write("b/sub/inner", "4");
  });

  test("keeps of a marked folder itself and the tag", async () => {
    const { paths, files } = await save(tagged);

    expect(paths).toEqual(["a", "a/.nobackup", "b", "b/file", "b/sub", "b/sub/inner"]);
    expect(files).toBe(3);
  });

  test("is not bound by what the run before left out, and the other way round", async () => {
    const first = await save(tagged);
    const all = await save();
    const again = await save(tagged);
    const still = await save(tagged);

    expect(all.paths).toEqual([
      ...["a", "a/.nobackup", "a/file", "a/sub", "a/sub/inner"],
      ...["b", "b/file", "b/sub", "b/sub/inner"],
    ]);
    expect(again).toEqual(first);
    expect(still).toEqual(first);
  });

  test("sees a tag that comes, goes, or is turned into another", async () => {
    const before = await save(tagged);
    fs.renameSync(join(source, "a/.nobackup"), join(source, "b/.nobackup"));
    const moved = await save(tagged);
    fs.renameSync(join(source, "b/.nobackup"), join(source, "b/.other"));
    const gone = await save(tagged);

    expect(before.paths).not.toContain("a/file");
    expect(moved.paths).toEqual(["a", "a/file", "a/sub", "a/sub/inner", "b", "b/.nobackup"]);
    expect(gone.paths).toContain("b/sub/inner");
  });

  test("does not apply to what the user names, but to what is in it", async () => {
    const folder = await save(tagged, join(source, "a"));
    const file = await save(tagged, join(source, "a", "file"));

    expect(folder.paths).toEqual(["a", "a/.nobackup"]);
    expect(file.paths).toEqual(["a", "a/file"]);
  });
});

describe("backup() with a header that a tag must have", () => {
  test("warns of each tag that has another one, every time, and saves what is there", async () => {
    write("good/CACHEDIR.TAG", `${CACHE_TAG.header}\n# made by a test`);
    write("good/x", "1");
    write("short/CACHEDIR.TAG", "Signature");
    write("short/x", "2");
    write("wrong/CACHEDIR.TAG", CACHE_TAG.header.replace("8", "9"));
    write("wrong/x", "3");
    write("alone/CACHEDIR.TAG", "");

    const first = await save({ excludeIfPresent: [CACHE_TAG] });
    const second = await save({ excludeIfPresent: [CACHE_TAG] });

    expect(first.paths).toEqual([
      ...["alone", "alone/CACHEDIR.TAG", "good", "good/CACHEDIR.TAG"],
      ...["short", "short/CACHEDIR.TAG", "short/x", "wrong", "wrong/CACHEDIR.TAG", "wrong/x"],
    ]);
    expect(first.warnings.toSorted()).toEqual([
      'invalid (too short) signature in exclusion tagfile "/source/short/CACHEDIR.TAG"',
      'invalid signature in exclusion tagfile "/source/wrong/CACHEDIR.TAG"',
    ]);
    expect(second.warnings.toSorted()).toEqual(first.warnings.toSorted());
    expect(second.paths).toEqual(first.paths);
  });

  test("sees a header that is written into a tag though its folder is as it was", async () => {
    write("a/CACHEDIR.TAG", "no header, but just as many bytes as one");
    write("a/x", "1");
    const before = await save({ excludeIfPresent: [CACHE_TAG] });
    fs.writeFileSync(join(source, "a/CACHEDIR.TAG"), CACHE_TAG.header);
    const after = await save({ excludeIfPresent: [CACHE_TAG] });

    expect(before.paths).toContain("a/x");
    expect(after.paths).toEqual(["a", "a/CACHEDIR.TAG"]);
  });
});

describe("backup() with excludeLargerThan", () => {
  test("leaves out longer files and symlinks, whatever the run before did, and no folders", async () => {
    write("just/fits", Buffer.alloc(1000));
    write("just/over", Buffer.alloc(1001));
    fs.symlinkSync("x".repeat(1200), join(source, "just", "symlink"));
    const small = ["just", "just/fits"];
    const all = [...small, "just/over", "just/symlink"];

    expect((await save({ excludeLargerThan: 1000 })).paths).toEqual(small);
    expect((await save()).paths).toEqual(all);
    expect((await save({ excludeLargerThan: 1000 })).paths).toEqual(small);
    expect((await save({ excludeLargerThan: 1000 })).paths).toEqual(small);
    expect((await save({ excludeLargerThan: 1001 })).paths).toEqual([...small, "just/over"]);
    expect((await save({ excludeLargerThan: 999 })).paths).toEqual(["just"]);
  });

  test("sees a file that grows and one that shrinks", async () => {
    write("grows", Buffer.alloc(10));
    write("shrinks", Buffer.alloc(30));
    const before = await save({ excludeLargerThan: 20 });
    write("grows", Buffer.alloc(30));
    write("shrinks", Buffer.alloc(10));
    const after = await save({ excludeLargerThan: 20 });

    expect(before.paths).toEqual(["grows"]);
    expect(after.paths).toEqual(["shrinks"]);
  });
});

describe("backup() with ignoreFileNames", () => {
  const rules = { ignoreFileNames: [".gitignore", ".tsbakignore"] };

  beforeEach(() => {
    write(".gitignore", "*.o\n/build/\n");
    write("main.o", "1");
    write("build/out", "2");
    write("sub/build/out", "3");
    write("sub/deep/keep.o", "4");
    write("sub/deep/drop.o", "5");
    write("sub/deep/.tsbakignore", "!keep.o\nnotes\n");
    write("sub/deep/notes", "6");
  });

  const selected = [
    ...[".gitignore", "sub", "sub/build", "sub/build/out"],
    ...["sub/deep", "sub/deep/.tsbakignore", "sub/deep/keep.o"],
  ];

  test("leaves out what the files say, from their folders on", async () => {
    expect((await save(rules)).paths).toEqual(selected);
    expect((await save({ ignoreFileNames: [".gitignore"] })).paths).toEqual([
      ...selected.filter((path) => path !== "sub/deep/keep.o"),
      "sub/deep/notes",
    ]);
  });

  test("is not bound by what the run before left out, and the other way round", async () => {
    const first = await save(rules);
    const all = await save();
    const again = await save(rules);
    const still = await save(rules);

    expect(first.paths).toEqual(selected);
    expect(all.paths).toHaveLength(selected.length + 5);
    expect(again).toEqual(first);
    expect(still).toEqual(first);
  });

  test("sees a file of rules that comes, changes in place, and goes", async () => {
    await save(rules);
    write("sub/build/.gitignore", "out\n");
    const come = await save(rules);
    fs.writeFileSync(join(source, "sub/build/.gitignore"), "oux\n");
    const changed = await save(rules);
    fs.rmSync(join(source, ".gitignore"));
    const gone = await save(rules);

    expect(come.paths).not.toContain("sub/build/out");
    expect(changed.paths).toContain("sub/build/out");
    expect(gone.paths).toContain("main.o");
    expect(gone.paths).toContain("build/out");
  });

  test("begins with the folder that the user names, even for what stands in for it", async () => {
    const folder = await save(rules, join(source, "sub"));
    const before = process.cwd();
    process.chdir(source);
    const { tree } = await backup(repository, ["."], { ...rules, threads: 1 });
    process.chdir(before);

    expect(folder.paths).toContain("sub/deep/drop.o");
    expect(await pathsOf(tree)).toEqual(selected);
  });
});

test("backup() keeps what the user names, even if it is found in another source, too", async () => {
  write("named/file", "1");
  write("found/file", "2");
  const before = process.cwd();
  process.chdir(source);
  const exclude = [compilePatterns(["named", "found"])];
  const trees = await Promise.all(
    [
      ["named", "."],
      [".", "named"],
    ].map(async (sources) => {
      const { tree } = await backup(repository, sources, { exclude, threads: 1 });
      return pathsOf(tree);
    }),
  );
  process.chdir(before);

  expect(trees).toEqual([["named"], ["named"]]);
});
