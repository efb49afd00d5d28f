import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { prune } from "../maintain/prune/prune.ts";
import { openRepository } from "../repository/open.ts";
import type { Repository } from "../repository/repository.ts";
import { SnapshotSearch } from "../repository/snapshot-search.ts";
import { CountingBackend } from "../testing/counting-backend.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import { restoreEarly, type EarlyOptions } from "./restore-early.ts";
import { startRestoreWorkers, type RestoreSummary } from "./restore.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-restore-early-"));
const source = join(top, "source");
const password = "only for tests";
const options = { password, early: { snapshots: true, index: true } };
let store: CountingBackend;
let repository: Repository;
let search: SnapshotSearch;
let target = "";
let turn = 0;

beforeAll(() => fs.mkdirSync(source));
afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(async () => {
  store = new CountingBackend();
  fs.writeFileSync(join(source, "file"), "as it was");
  fs.writeFileSync(join(source, "junk"), "which nobody needs");
  fs.rmSync(join(source, "later"), { force: true });
  await backup(await createQuickly(store, { password }), [source], { threads: 1 });
  repository = await openRepository(store, options);
  repository.loadIndexEarly();
  search = new SnapshotSearch(repository, "latest", {});
  await search.guess;
  target = join(top, `target ${turn++}`);
});

/** As somebody else, after the snapshots were listed early. */
async function backUpMore(): Promise<void> {
  fs.writeFileSync(join(source, "file"), "as it is");
  fs.writeFileSync(join(source, "later"), "");
  await backup(await openRepository(store, { password }), [source], { threads: 1 });
}

function contentsIn(folder: string): string {
  return fs.readFileSync(join(folder, source, "file"), "utf8");
}

/** Restore, and note of which snapshots it is told. */
async function restoreNoting(
  options: EarlyOptions = {},
): Promise<{ summary: RestoreSummary; found: string[]; items: string[] }> {
  const found: string[] = [];
  const items: string[] = [];
  const summary = await restoreEarly(repository, search, target, {
    threads: 1,
    reportItems: true,
    onFound: ({ id }) => found.push(id),
    onEvent: (notice) => {
      if (notice.kind === "item" && notice.type === "file") items.push(notice.path);
    },
    ...options,
  });
  return { summary, found, items };
}

describe("restoreEarly()", () => {
  test("restores the snapshot that was there early", async () => {
    const { summary, found, items } = await restoreNoting();

    expect(contentsIn(target)).toBe("as it was");
    expect(summary.files).toBe(2);
    expect(found).toEqual([(await search.guess)?.found.id]);
    expect(items.toSorted()).toEqual([join(source, "file"), join(source, "junk")]);
  });

  test("restores a later one that came before its lock, as if it had begun with it", async () => {
    await backUpMore();

    const { summary, found, items } = await restoreNoting({ workers: startRestoreWorkers(1) });

    expect(contentsIn(target)).toBe("as it is");
    expect(summary).toMatchObject({ files: 3, totalFiles: 3, unchanged: 0, errors: 0 });
    expect(found).toHaveLength(1);
    expect(found).not.toEqual([(await search.guess)?.found.id]);
    expect(items.toSorted()).toEqual(["file", "junk", "later"].map((name) => join(source, name)));
  });

  test("restores an earlier one if the last is gone by then", async () => {
    await backUpMore();
    const again = await openRepository(store, options);
    again.loadIndexEarly();
    const searching = new SnapshotSearch(again, "latest", {});
    const last = (await searching.guess)?.found.id ?? "";
    await store.remove({ kind: "snapshot", name: last });
    repository = again;
    search = searching;

    const { found } = await restoreNoting();

    expect(contentsIn(target)).toBe("as it was");
    expect(found).not.toContain(last);
  });

  test("begins anew if blobs have been moved to other packs", async () => {
    const junk = (await search.guess)?.found.id ?? "";
    fs.rmSync(join(source, "junk"));
    await backup(await openRepository(store, { password }), [source], { threads: 1 });
    await store.remove({ kind: "snapshot", name: junk });
    repository = await openRepository(store, options);
    repository.loadIndexEarly();
    search = new SnapshotSearch(repository, "latest", {});
    await search.guess;
    await prune(await openRepository(store, { password }), { maxUnused: { bytes: 0 } });

    const { summary, found } = await restoreNoting();

    expect(contentsIn(target)).toBe("as it was");
    expect(summary).toMatchObject({ files: 1, errors: 0 });
    expect(found).toEqual([(await search.guess)?.found.id]);
  });

  test("leaves nothing if the snapshot is gone by then", async () => {
    const guess = await search.guess;
    await store.remove({ kind: "snapshot", name: guess?.found.id ?? "" });

    await expect(restoreNoting()).rejects.toMatchObject({ code: "not-found" });
    expect(fs.existsSync(target)).toBe(false);
  });

  test("leaves nothing if somebody else was faster", async () => {
    const mayWrite = new Promise<void>((_resolve, reject) => {
      setTimeout(() => reject(new Error("somebody else was faster")), 300);
    });

    await expect(restoreNoting({ mayWrite })).rejects.toThrow("somebody else was faster");
    expect(fs.existsSync(target)).toBe(false);
  });

  test("searches under the lock where nothing was listed early", async () => {
    repository = await openRepository(store, { password });
    search = new SnapshotSearch(repository, "latest", {});

    const { summary, found } = await restoreNoting();

    expect(contentsIn(target)).toBe("as it was");
    expect(summary.files).toBe(2);
    expect(found).toHaveLength(1);
  });
});
