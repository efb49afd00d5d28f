import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { compilePatterns } from "../fs/filter.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import { walkTree } from "../repository/walk-tree.ts";
import type { BackupOptions, BackupSummary } from "./backup-options.ts";
import { backup } from "./backup.ts";

let folder: string;
let repository: Repository;

beforeAll(async () => {
  repository = await createQuickly(new MemoryBackend(), { password: "x" });
});

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "tsbak-stored-"));
  fs.mkdirSync(join(folder, "real/home/ana/sub"), { recursive: true });
  fs.chmodSync(join(folder, "real/home"), 0o711);
  fs.writeFileSync(join(folder, "real/home/ana/file"), "1");
  fs.writeFileSync(join(folder, "real/home/ana/sub/file.o"), "2");
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

function save(sources: readonly string[], options: BackupOptions = {}): Promise<BackupSummary> {
  return backup(repository, sources, { threads: 1, ...options });
}

/** Paths in a snapshot with the permissions of each. */
async function entriesOf({ tree }: BackupSummary): Promise<Map<string, number>> {
  const entries = new Map<string, number>();
  for await (const { path, node } of walkTree(repository, tree)) {
    entries.set(Buffer.from(path).toString(), node.mode & 0o777);
  }
  return entries;
}

test("backup() with asPath finds the parent of the path, and all in it unmodified", async () => {
  const real = join(folder, "real");
  const first = await save([real]);
  fs.renameSync(real, join(folder, "mounted"));
  const second = await save([join(folder, "mounted")], { asPath: real });

  expect(second.snapshot?.snapshot.paths).toEqual([real]);
  expect(second.parent).toBe(first.snapshot?.id);
  expect(second.filesUnmodified).toBe(2);
  expect(second.totalFilesProcessed).toBe(2);
  expect([...(await entriesOf(second)).keys()]).toEqual([...(await entriesOf(first)).keys()]);
});

test("backup() with stripPrefix takes the folders above from below the prefix", async () => {
  const ana = join(folder, "real/home/ana");
  const summary = await save([ana], { stripPrefix: join(folder, "real") });

  const entries = await entriesOf(summary);
  expect(summary.snapshot?.snapshot.paths).toEqual(["/home/ana"]);
  expect([...entries.keys()]).toEqual([
    ...["/home", "/home/ana", "/home/ana/file", "/home/ana/sub", "/home/ana/sub/file.o"],
  ]);
  expect(entries.get("/home")).toBe(0o711);
});

test("backup() with stripPrefix of the source itself stores what is in it at the root", async () => {
  const real = join(folder, "real");
  const summary = await save([real], { stripPrefix: `${real}/` });

  expect(summary.snapshot?.snapshot.paths).toEqual(["/"]);
  expect([...(await entriesOf(summary)).keys()].slice(0, 2)).toEqual(["/home", "/home/ana"]);
});

test("backup() compares patterns with the paths that are stored", async () => {
  const exclude = [compilePatterns(["/srv/home/ana/sub", `${folder}/real/home/ana/file`])];
  const summary = await save([join(folder, "real")], { asPath: "/srv/./", exclude });

  expect([...(await entriesOf(summary)).keys()]).toEqual([
    ...["/srv", "/srv/home", "/srv/home/ana", "/srv/home/ana/file"],
  ]);
});

test("backup() stores a file under another name, below folders that are not there", async () => {
  const file = join(folder, "real/home/ana/file");
  const summary = await save([file], { asPath: "/not/there/copy" });

  expect([...(await entriesOf(summary)).keys()]).toEqual([
    ...["/not", "/not/there", "/not/there/copy"],
  ]);
  expect(summary.errors).toBe(0);
});

test.each<[string, string[], BackupOptions]>([
  ["two sources with one path", ["real/home", "real"], { asPath: "/a" }],
  ["a path that is not absolute", ["real"], { asPath: "a" }],
  ["a source outside the prefix", ["real"], { stripPrefix: "/rea" }],
])("backup() refuses %s", async (_, names, options) => {
  const sources = names.map((name) => join(folder, name));

  await expect(save(sources, options)).rejects.toMatchObject({ code: "invalid-argument" });
});
