import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { compilePatterns } from "../fs/filter.ts";
import { printablePath, toPathBytes } from "../fs/path.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import { diffWithDisk, type LiveDiffOptions, type LiveDiffStatistics } from "./live-diff.ts";
import { placeOnDisk } from "./live-place.ts";

let top: string;
let source: string;
let repository: Repository;
let snapshot: SnapshotEntry;

beforeEach(async () => {
  top = fs.mkdtempSync(join(tmpdir(), "tsbak-live-"));
  source = join(top, "source");
  fs.mkdirSync(join(source, "gone"), { recursive: true });
  fs.writeFileSync(join(source, "large"), Buffer.alloc(3_000_000, "some text of many blobs"));
  fs.writeFileSync(join(source, "gone/file"), "12345");
  fs.writeFileSync(join(source, "type"), "");
  fs.symlinkSync("large", join(source, "link"));
  fs.writeFileSync(Buffer.from(`${source}/bad \xff name`, "latin1"), "raw");
  repository = await createQuickly(new MemoryBackend(), { password: "secret" });
  snapshot = (await backup(repository, [source], { threads: 1 })).snapshot as SnapshotEntry;
});

afterEach(() => fs.rmSync(top, { recursive: true, force: true }));

async function compare(
  options: LiveDiffOptions & { readonly subPath?: string; readonly folder?: string } = {},
): Promise<{ lines: string[]; statistics: LiveDiffStatistics }> {
  const lines: string[] = [];
  const folder = options.folder === undefined ? undefined : toPathBytes(options.folder);
  const selection = { ...snapshot, subPath: options.subPath ?? "" };
  const comparison = await placeOnDisk(repository, selection, folder);
  const statistics = await diffWithDisk(repository, comparison, {
    ...options,
    onChange: ({ path, modifier }) =>
      lines.push(`${modifier} ${printablePath(path).replace(source, "")}`),
    onError: (path, message) => lines.push(`${printablePath(path)}: ${message}`),
  });
  return { lines, statistics };
}

/** Change a file and give it its old modification time again. */
function changeQuietly(path: string, change: () => void): void {
  const { atime, mtime } = fs.statSync(path);
  change();
  fs.utimesSync(path, atime, mtime);
}

test("nothing differs after a backup, whatever lies beside the source", async () => {
  fs.writeFileSync(join(top, "beside"), "");

  const { lines } = await compare({ readData: true });

  expect(lines).toEqual([]);
});

test("tells what was added, removed, changed and replaced since the snapshot", async () => {
  fs.rmSync(join(source, "gone"), { recursive: true });
  fs.mkdirSync(join(source, "new"));
  fs.writeFileSync(join(source, "new/file"), "1234567");
  fs.rmSync(join(source, "type"));
  fs.symlinkSync("large", join(source, "type"));
  changeQuietly(join(source, "large"), () => {
    const file = fs.openSync(join(source, "large"), "r+");
    fs.writeSync(file, "X", 2_900_000);
    fs.closeSync(file);
  });

  const { lines, statistics } = await compare();

  expect(lines).toEqual([
    "- /gone/",
    "- /gone/file",
    "M /large",
    "+ /new/",
    "+ /new/file",
    "T /type",
  ]);
  expect(statistics).toEqual({
    changedFiles: 1,
    added: { files: 1, dirs: 1, others: 0, bytes: 3_000_007 },
    removed: { files: 1, dirs: 1, others: 0, bytes: 3_000_005 },
    errors: 0,
  });
});

test("a file that was written to but has its old contents did not change", async () => {
  fs.copyFileSync(join(source, "large"), join(top, "copy"));
  fs.renameSync(join(top, "copy"), join(source, "large"));

  expect((await compare({ subPath: source })).lines).toEqual([]);
  expect((await compare({ subPath: source, metadata: true })).lines).toEqual(["U /large"]);
});

test("metadata that a restore brings back is compared on demand", async () => {
  fs.chmodSync(join(source, "gone/file"), 0o751);
  const { mtime } = fs.statSync(source);
  fs.rmSync(join(source, "link"));
  fs.symlinkSync("elsewhere", join(source, "link"));
  fs.utimesSync(source, mtime, mtime);

  expect((await compare()).lines).toEqual([]);
  const { lines } = await compare({ subPath: source, metadata: true });
  expect(lines).toEqual(["U /gone/file", "U /link"]);
});

test("what the snapshot has of a folder can be compared with another folder", async () => {
  const other = join(top, "other");
  fs.cpSync(join(source, "gone"), other, { recursive: true });
  fs.writeFileSync(join(other, "cache.tmp"), "");
  const folders = { subPath: `${source}/gone`, folder: other };

  expect((await compare(folders)).lines).toEqual(["+ /cache.tmp"]);
  const exclude = compilePatterns(["*.tmp"]);
  expect((await compare({ ...folders, exclude })).lines).toEqual([]);
});

test("a snapshot of relative paths takes the name of a folder", async () => {
  const { tree } = snapshot.snapshot;
  snapshot = { ...snapshot, snapshot: { ...snapshot.snapshot, paths: ["/elsewhere"], tree } };

  await expect(compare()).rejects.toThrow(/relative paths; name the folder/);
  const { lines } = await compare({ folder: source, subPath: source });
  expect(lines).toEqual([]);
});
