import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { compilePatterns } from "../fs/filter.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import type { BackupOptions } from "./backup-options.ts";
import { explainBackup } from "./backup.ts";

let folder: string;
let repository: Repository;

function write(path: string, contents: string | Buffer): void {
  fs.mkdirSync(join(folder, path, ".."), { recursive: true });
  fs.writeFileSync(join(folder, path), contents);
}

beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), "tsbak-explain-"));
  repository = await createQuickly(new MemoryBackend(), { password: "x" });
  write("src/a/main.o", "1");
  write("src/a/keep.o", "1");
  write("src/big", Buffer.alloc(2000));
  write("src/tagged/.nobackup", "");
  write("src/tagged/sub/file", "1");
  write("src/git/.gitignore", "# rules\n*.log\n!keep.log\n/out/\n");
  write("src/git/deep/x.log", "1");
  write("src/git/deep/keep.log", "1");
  write("src/git/out/deep/file", "1");
});

afterAll(() => fs.rmSync(folder, { recursive: true }));

const OPTIONS: BackupOptions = {
  exclude: [
    compilePatterns(["", "*.o", "!keep.o"], { origins: ["nowhere", "on line 1", "on line 2"] }),
    compilePatterns(["BIGGER"], { ignoreCase: true }),
  ],
  excludeIfPresent: [{ name: ".nobackup", header: "" }],
  excludeLargerThan: 1999,
  ignoreFileNames: [".gitignore"],
};

test.each<[path: string, answer: string]>([
  ["src", 'saved: src "lies in a source, and nothing leaves it out"'],
  ["src/a", 'saved: src/a "lies in a source, and nothing leaves it out"'],
  ["src/a/main.o", 'left out: src/a/main.o "matches the pattern "*.o" on line 1"'],
  ["src/a/keep.o", 'saved: src/a/keep.o "matches the pattern "!keep.o" on line 2"'],
  ["src/big", 'left out: src/big "has 2000 bytes, which is more than 1999"'],
  ["src/tagged", 'saved: src/tagged "lies in a source, and nothing leaves it out"'],
  [
    "src/tagged/.nobackup",
    'saved: src/tagged/.nobackup "lies in a source, and nothing leaves it out"',
  ],
  ["src/tagged/sub/file", 'left out: src/tagged/sub "lies in a folder that .nobackup marks"'],
  [
    "src/git/deep/x.log",
    'left out: src/git/deep/x.log "matches the rule "*.log" in src/git/.gitignore, line 2"',
  ],
  [
    "src/git/deep/keep.log",
    'saved: src/git/deep/keep.log "matches the rule "!keep.log" in src/git/.gitignore, line 3"',
  ],
  [
    "src/git/out/deep/file",
    'left out: src/git/out "matches the rule "/out/" in src/git/.gitignore, line 4"',
  ],
  ["src/a/missing", 'left out: src/a/missing "is not there"'],
  ["other", 'left out: other "lies in none of the sources"'],
  [".", 'saved: . "is saved without its other contents: a source lies in it"'],
])("explainBackup() says of %s: %s", (path, answer) => {
  const [found] = explainBackup(repository, [join(folder, "src")], [join(folder, path)], OPTIONS);

  const { isSaved, decidedBy, reason } = found ?? {};
  const verdict = isSaved === true ? "saved" : "left out";
  const text = `${verdict}: ${decidedBy} "${reason}"`.replaceAll(`${folder}/`, "");
  expect(text.replaceAll(folder, ".")).toBe(answer);
});

test("explainBackup() asks about what the user names only what is below it", () => {
  const sources = [join(folder, "src"), join(folder, "src/tagged/sub")];
  const paths = [join(folder, "src/tagged/sub/file"), join(folder, "src/a/main.o")];

  const found = explainBackup(repository, sources, paths, OPTIONS);

  expect(found.map(({ isSaved }) => isSaved)).toEqual([true, false]);
});
