import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { Traffic } from "../backend/traffic.ts";
import { wrapStore } from "../backend/wrap-store.ts";
import { decodeTree } from "../format/tree.ts";
import { compilePatterns } from "../fs/filter.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import { openRepository } from "../repository/open.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { MarkingBackend } from "../testing/marking-backend.ts";
import { backup, backupStream } from "./backup.ts";
import { startBackupWorkers } from "./store.ts";
import { Readable } from "node:stream";

let source: string;
let backend: FaultyBackend;
let repository: Repository;

beforeEach(async () => {
  source = fs.mkdtempSync(join(tmpdir(), "tsbak-backup-"));
  backend = new FaultyBackend(new MemoryBackend());
  repository = await createQuickly(backend, { password: "x" });
});

afterEach(() => {
  fs.rmSync(source, { recursive: true, force: true });
});

function write(path: string, contents: string | Buffer): void {
  fs.mkdirSync(join(source, path, ".."), { recursive: true });
  fs.writeFileSync(join(source, path), contents);
}

/** So that `.` is the source, and folders above it, where other tests make theirs, are not in the snapshot. */
function enterSource(): void {
  const before = process.cwd();
  process.chdir(source);
  onTestFinished(() => process.chdir(before));
}

/** Paths below the source that a tree holds, directories with a slash. */
async function pathsOf(tree: string, prefix = ""): Promise<string[]> {
  const nodes = decodeTree(await repository.loadBlob("tree", tree));
  const paths = await Promise.all(
    nodes.map(async ({ name, subtree }) => {
      const path = prefix + Buffer.from(name).toString();
      return subtree === undefined ? [path] : [`${path}/`, ...(await pathsOf(subtree, `${path}/`))];
    }),
  );
  return paths.flat();
}

async function savedPaths(tree: string): Promise<string[]> {
  const top = `${source.slice(1)}/`;
  const paths = await pathsOf(tree);
  const below = paths.filter((path) => path.startsWith(top) && path !== top);
  return below.map((path) => path.slice(top.length));
}

describe("backup()", () => {
  test("takes the old tree where nothing changed, and stores nothing", async () => {
    enterSource();
    for (let n = 0; n < 50; n++) write(`folder-${n % 7}/file-${n}`, `contents ${n}`);
    const first = await backup(repository, ["."]);

    const second = await backup(repository, ["."]);

    expect(second.tree).toBe(first.tree);
    expect(second.parent).toBe(first.snapshot?.id);
    expect(second).toMatchObject({ filesUnmodified: 50, filesNew: 0, dataBlobs: 0, treeBlobs: 0 });
    expect(second.totalBytesProcessed).toBe(first.totalBytesProcessed);
  });

  test("tells the store which packs hold contents of files only", async () => {
    const store = new MarkingBackend();
    const wrapped = wrapStore(store, { traffic: new Traffic() });
    repository = await createQuickly(wrapped, { password: "x" });
    for (let n = 0; n < 50; n++) write(`folder-${n % 7}/file-${n}`, `contents ${n}`);

    await backup(repository, [source]);

    const index = await repository.loadIndex();
    const told = new Set<string>();
    index.forEach(({ type, packNumber }) => {
      const isMarked = store.contents.has(index.packs[packNumber] ?? "");
      told.add(`${type} ${isMarked ? "marked" : "not marked"}`);
    });
    expect([...told].toSorted()).toEqual(["data marked", "tree not marked"]);
  });

  test("counts each directory once, however many are gone through at a time", async () => {
    enterSource();
    for (let n = 0; n < 6000; n++) write(`${n % 5}/${n % 7}/${n % 11}/file-${n}`, "");
    const [folders, files] = [5 + 5 * 7 + 5 * 7 * 11, 6000];
    const first = await backup(repository, ["."]);
    const above = first.dirsNew - folders;

    const second = await backup(repository, ["."]);
    write("3/4/new/file", "new");
    const third = await backup(repository, ["."]);
    fs.rmSync(join(source, "2/6/10"), { recursive: true });
    const fourth = await backup(repository, ["."]);
    const afresh = await backup(repository, ["."], { force: true });

    expect(second).toMatchObject({ dirsUnmodified: folders + above, filesUnmodified: files });
    expect(third).toMatchObject({ dirsNew: 1, filesNew: 1, filesUnmodified: files });
    expect(third.dirsChanged + third.dirsUnmodified).toBe(folders + above);
    expect(third.dirsChanged).toBe(above + 2);
    expect(fourth.dirsChanged + fourth.dirsUnmodified).toBe(folders + above);
    expect(fourth).toMatchObject({ filesUnmodified: afresh.filesNew, tree: afresh.tree });
  });

  test("sees a change deep down among what is unchanged, and makes new trees on the way to it only", async () => {
    enterSource();
    for (let n = 0; n < 60; n++) write(`a/${n % 3}/b/${n % 5}/file-${n}`, `contents ${n}`);
    const first = await backup(repository, ["."]);
    fs.appendFileSync(join(source, "a/1/b/1/file-1"), "more");

    const second = await backup(repository, ["."]);
    const afresh = await backup(repository, ["."], { force: true });

    expect(second).toMatchObject({ filesChanged: 1, filesUnmodified: 59, dataBlobs: 1 });
    expect(second.tree).not.toBe(first.tree);
    expect(second.tree).toBe(afresh.tree);
    expect(afresh).toMatchObject({ filesNew: 60, dataBlobs: 0, treeBlobs: 0 });
  });

  test("makes the tree that a full backup makes, wherever something changed", async () => {
    enterSource();
    const folders = ["", ...["a", "a/b", "a/b/c", "a/d"].map((path) => `${path}/`)];
    for (const folder of folders) for (const name of ["0", "z"]) write(`${folder}${name}`, folder);

    for (const folder of folders) {
      // With all trees in one pack as many directories as possible are gone through at once.
      repository = await createQuickly(new MemoryBackend(), { password: "x" });
      await backup(repository, ["."]);
      fs.appendFileSync(join(source, folder, "0"), "more");
      const next = await backup(repository, ["."]);
      const afresh = await backup(repository, ["."], { force: true });

      expect(next.tree, folder).toBe(afresh.tree);
      expect(next).toMatchObject({ filesChanged: 1, filesUnmodified: 2 * folders.length - 1 });
    }
  });

  test("sees removed, added and renamed entries", async () => {
    for (const name of ["a", "b/c", "b/d", "e/f"]) write(name, name);
    await backup(repository, [source]);
    fs.rmSync(join(source, "b/c"));
    fs.renameSync(join(source, "e"), join(source, "z"));
    write("b/new", "new");

    const { tree } = await backup(repository, [source]);

    expect(await savedPaths(tree)).toEqual(["a", "b/", "b/d", "b/new", "z/", "z/f"]);
  });

  test("reads a file again whose blobs the repository no longer has", async () => {
    write("file", "contents");
    await backup(repository, [source]);
    for await (const { name } of backend.list("index"))
      await backend.remove({ kind: "index", name });
    repository.dropIndex();

    const second = await backup(repository, [source]);

    expect(second.dataBlobs).toBe(1);
    expect(await savedPaths(second.tree)).toEqual(["file"]);
  });

  test("leaves out what patterns exclude, but never a source itself", async () => {
    for (const name of ["keep/a", "keep/b.tmp", "skip/c"]) write(name, name);
    const exclude = [compilePatterns(["*.tmp", "skip"])];

    const { tree } = await backup(repository, [source], { exclude });

    expect(await savedPaths(tree)).toEqual(["keep/", "keep/a"]);
  });

  test("cuts a large file with all threads as one thread would", async () => {
    const large = Buffer.alloc(60 << 20);
    for (let at = 0; at < large.length; at += 4)
      large.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
    write("large", large);

    const shared = await backup(repository, [source], { threads: 2 });
    const stream = await backupStream(repository, {
      stream: Readable.from([large]),
      name: "large",
    });

    expect(shared.totalBytesProcessed).toBe(large.length);
    expect(stream.dataBlobs).toBe(0);
  });

  test("makes no snapshot in a dry run and where an unchanged tree is to be skipped", async () => {
    enterSource();
    write("file", "contents");
    const dry = await backup(repository, ["."], { dryRun: true });
    expect(dry.snapshot).toBeUndefined();
    expect(await listSnapshots(repository)).toEqual([]);
    expect(dry.dataBlobs).toBe(1);

    await backup(repository, ["."]);
    const skipped = await backup(repository, ["."], { skipIfUnchanged: true });

    expect(skipped.snapshot).toBeUndefined();
    expect(await listSnapshots(repository)).toHaveLength(1);
  });

  test("works with threads that were started before, and ends them", async () => {
    write("file", "contents");
    const workers = startBackupWorkers(1);

    const { snapshot } = await backup(repository, [source], { workers });
    const again = backup(repository, [source], { workers });

    expect(snapshot).toBeDefined();
    await expect(again).rejects.toMatchObject({ code: "interrupted" });
    await workers.close();
  });

  test("refuses sources of which none exists, and reports those that do not", async () => {
    await expect(backup(repository, [join(source, "nowhere")])).rejects.toMatchObject({
      code: "invalid-argument",
    });

    const told: unknown[] = [];
    const summary = await backup(repository, [source, join(source, "nowhere")], {
      onEvent: (event) => {
        if (event.kind === "error") told.push(event.path);
      },
    });

    expect(told).toEqual([join(source, "nowhere")]);
    expect(summary.errors).toBe(1);
    expect(summary.snapshot).toBeDefined();
  });

  test("keeps what was stored when it is interrupted, and leaves no lock", async () => {
    for (let n = 0; n < 40; n++) write(`file-${n}`, Buffer.alloc(700_000, n));
    const controller = new AbortController();
    const options = { packSize: 4 << 20, compression: "off" as const, signal: controller.signal };
    backend.on({ method: "write", kind: "pack", nth: 3 }, { type: "delay", until: 100 });
    const running = backup(repository, [source], options);
    const isStored = (): boolean =>
      backend.calls.filter((call) => call.ref?.kind === "pack").length >= 2;
    while (!isStored()) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();

    await expect(running).rejects.toMatchObject({ code: "interrupted" });

    expect(await repository.listNames("lock")).toEqual([]);
    expect(await repository.listNames("snapshot")).toEqual([]);
    const again = await backup(await openRepository(backend, { password: "x" }), [source]);
    expect(again.dataBlobs).toBeLessThan(40);
  });

  test("passes a failure of the store on and leaves no snapshot", async () => {
    write("file", "contents");
    backend.on({ method: "write", kind: "pack" }, { type: "fail", error: "no-space" });

    await expect(backup(repository, [source])).rejects.toMatchObject({ code: "no-space" });

    expect(await repository.listNames("snapshot")).toEqual([]);
    expect(await repository.listNames("lock")).toEqual([]);
  });
});

test("backupStream() saves a stream below made-up folders", async () => {
  const stream = Readable.from([Buffer.from("some "), Buffer.from("bytes")]);

  const { tree, snapshot } = await backupStream(repository, { stream, name: "/dumps/db.sql" });

  expect(snapshot?.snapshot.paths).toEqual(["/dumps/db.sql"]);
  expect(await pathsOf(tree)).toEqual(["dumps/", "dumps/db.sql"]);
});
