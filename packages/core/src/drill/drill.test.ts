import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { formatTime } from "../format/time.ts";
import { encodeTree } from "../format/tree.ts";
import { statFile } from "../fs/stat.ts";
import { directoryNode, fileNode, TestingRepository } from "../testing/sample-repository.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, type SnapshotEntry } from "../repository/snapshots.ts";
import { drill, type DrillOptions, type DrillReport } from "./drill.ts";

let base: string;
let repository: Repository;
let snapshot: SnapshotEntry;

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "tsbak-drill-"));
  mkdirSync(join(base, "source", "sub"), { recursive: true });
  for (let at = 0; at < 20; at++) {
    writeFileSync(join(base, "source", at % 2 ? "sub" : ".", `file ${at}`), `contents ${at}`);
  }
  writeFileSync(join(base, "source", "[a]*"), "a name that is a pattern");
  repository = (await TestingRepository.create()).repository;
  await backup(repository, [join(base, "source")], { threads: 1 });
  [snapshot] = (await listSnapshots(repository)) as [SnapshotEntry];
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

let runs = 0;

function run(options: Partial<DrillOptions> = {}): Promise<DrillReport & { target: string }> {
  const target = join(base, `target ${runs++}`);
  return drill(repository, snapshot, { files: 5, seed: 7, target, threads: 1, ...options }).then(
    (report) => ({ ...report, target }),
  );
}

test("a drill restores as many files as it is told, and compares them with their source", async () => {
  const report = await run({ canaries: [join(base, "source", "[a]*")] });

  expect(report).toMatchObject({ files: 6, compared: 6, problems: [], seed: 7 });
  const restored = readFileSync(join(report.target, base, "source", "[a]*"), "utf8");
  expect(restored).toBe("a name that is a pattern");
});

test("a drill tells of a canary that the snapshot does not have", async () => {
  const report = await run({ files: 0, canaries: ["/nowhere"] });

  expect(report.files).toBe(0);
  expect(report.problems).toEqual([{ path: "/nowhere", message: "the snapshot has no such file" }]);
});

test("a drill tells of each file that cannot be restored", async () => {
  const index = await repository.loadIndex();
  for (let entry = 0; entry < index.size; entry++) {
    if (index.isTreeAt(entry)) continue;
    await repository.backend.remove({
      kind: "pack",
      name: index.packs[index.packNumberAt(entry)] ?? "",
    });
  }

  const { files, problems } = await run();

  expect(files).toBe(5);
  const failed = problems.filter(({ message }) => message.startsWith("it cannot be restored"));
  expect(new Set(failed.map(({ path }) => path)).size).toBe(5);
});

test("a drill leaves sources alone that were changed since", async () => {
  const [touched, written] = ["file 0", "file 2"].map((name) => join(base, "source", name));
  const { mtimeMs } = statSync(touched as string);
  utimesSync(touched as string, mtimeMs / 1000, mtimeMs / 1000);
  writeFileSync(written as string, "something else");

  expect(await run({ files: 100 })).toMatchObject({ files: 21, compared: 19, problems: [] });
});

test("a drill finds a source whose contents changed behind its times", async () => {
  const path = join(base, "source", "file 0");
  const saved = Buffer.from("contents X");
  const testing = await TestingRepository.create();
  const stat = statFile(Buffer.from(path));
  const time = (seconds: number, nanoseconds: number): string =>
    formatTime({ seconds, nanoseconds, offsetSeconds: 0 });
  let tree = encodeTree([
    {
      ...fileNode("file 0", [saved]),
      size: stat.size,
      inode: stat.inode,
      mtime: time(stat.mtimeSeconds, stat.mtimeNanoseconds),
      ctime: time(stat.ctimeSeconds, stat.ctimeNanoseconds),
    },
  ]);
  const packs = [await testing.addPack([{ type: "data", plain: saved }])];
  for (const name of [...join(base, "source").split("/").slice(1).reverse(), ""]) {
    packs.push(await testing.addPack([{ type: "tree", plain: tree }]));
    if (name !== "") tree = encodeTree([directoryNode(name, tree)]);
  }
  await testing.addIndex(packs);
  await testing.addSnapshot(sha256Hex(tree));
  repository = testing.repository;
  [snapshot] = (await listSnapshots(repository)) as [SnapshotEntry];

  const report = await run();

  expect(report).toMatchObject({ files: 1, compared: 1 });
  expect(report.problems).toMatchObject([
    { path, message: expect.stringContaining("has other contents than were saved") as string },
  ]);
});

test("the same seed draws the same files", async () => {
  const drawn: string[][] = [];
  for (const seed of [1, 1, 2]) {
    const { target } = await run({ seed, files: 8 });
    drawn.push(readdirSync(target, { recursive: true, encoding: "utf8" }).sort());
  }

  expect(drawn[1]).toEqual(drawn[0]);
  expect(drawn[2]).not.toEqual(drawn[0]);
});
