import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { TsbakError } from "../errors.ts";
import { CountingBackend } from "../testing/counting-backend.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import { randomBytesOf } from "../testing/random-bytes.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import type { RestoreNotice } from "./progress.ts";
import { restore } from "./restore.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-fresh-target-"));
const store = new CountingBackend();
let repository: Repository;
let snapshot: SnapshotEntry;
let target = "";
/** What was read of packs before the answer. */
let packBytesBefore = 0;
let turn = 0;

beforeAll(async () => {
  const source = join(top, "source");
  fs.mkdirSync(join(source, "some/folders/in/folders"), { recursive: true });
  fs.writeFileSync(join(source, "some/folders/file"), "contents");
  fs.writeFileSync(join(source, "some/folders/large"), randomBytesOf(5 << 20, 1));
  fs.writeFileSync(join(source, "some/empty"), "");
  fs.symlinkSync("folders", join(source, "some/link"));
  repository = await createQuickly(store, { password: "secret" });
  const summary = await backup(repository, [source], { threads: 1 });
  snapshot = summary.snapshot as SnapshotEntry;
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(() => {
  target = join(top, `target ${turn++}`);
});

/** Restore, and say after a while whether that may go on. Gives what was written until then. */
async function restoreWith(answer: "may go on" | "locked"): Promise<string[]> {
  let before: string[] = [];
  packBytesBefore = 0;
  store.packBytes = 0;
  const mayWrite = new Promise<void>((resolve, reject) => {
    setTimeout(() => {
      before = fs.existsSync(target) ? namesIn(target) : [];
      packBytesBefore = store.packBytes;
      if (answer === "locked") reject(new Error("somebody else was faster"));
      else resolve();
    }, 300);
  });
  await restore(repository, snapshot, target, { mayWrite });
  return before;
}

function namesIn(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true }).map(String).sort();
}

describe("restore() before it may write", () => {
  test("writes files where nothing stands, and nothing else", async () => {
    const before = await restoreWith("may go on");

    expect(before.some((name) => name.endsWith("some/folders/file"))).toBe(true);
    expect(before.some((name) => name.endsWith("in/folders"))).toBe(false);
    expect(before.some((name) => name.endsWith("link"))).toBe(false);
    expect(namesIn(target).some((name) => name.endsWith("some/folders/in/folders"))).toBe(true);
    expect(namesIn(target).some((name) => name.endsWith("some/link"))).toBe(true);
  });

  test("tells nothing, and all of it afterwards", async () => {
    const told: string[] = [];
    let toldBefore = -1;
    const mayWrite = new Promise<void>((resolve) => {
      setTimeout(() => {
        toldBefore = told.length;
        resolve();
      }, 300);
    });
    const onEvent = (notice: RestoreNotice): void => {
      if (notice.kind === "item") told.push(notice.path);
    };
    const { files, directories, others } = await restore(repository, snapshot, target, {
      mayWrite,
      onEvent,
      reportItems: true,
    });

    expect(toldBefore).toBe(0);
    expect(told).toHaveLength(files + directories + others);
    expect(told.some((path) => path.endsWith("some/folders/file"))).toBe(true);
  });

  test("leaves nothing of a target that was not there if it may not", async () => {
    await expect(restoreWith("locked")).rejects.toThrow("somebody else was faster");

    expect(fs.existsSync(target)).toBe(false);
  });

  test("leaves an empty target empty if it may not", async () => {
    fs.mkdirSync(target);

    await expect(restoreWith("locked")).rejects.toThrow("somebody else was faster");

    expect(namesIn(target)).toEqual([]);
  });

  test("leaves what somebody else put there meanwhile", async () => {
    fs.mkdirSync(target);
    const strange = join(target, top, "source/some/folders/strange");
    const timer = setInterval(() => {
      if (fs.existsSync(join(strange, ".."))) fs.writeFileSync(strange, "");
    }, 10);

    await expect(restoreWith("locked")).rejects.toThrow("somebody else was faster");
    clearInterval(timer);

    expect(namesIn(target).map((name) => join(target, name))).toContain(strange);
    expect(namesIn(target).some((name) => name.endsWith("file"))).toBe(false);
  });

  test("changes nothing where something stands", async () => {
    fs.mkdirSync(target);
    fs.writeFileSync(join(target, "own"), "");

    await expect(restoreWith("locked")).rejects.toThrow("somebody else was faster");

    expect(namesIn(target)).toEqual(["own"]);
    expect(await restoreWith("may go on")).toEqual(["own"]);
  });

  test("reads contents where nothing stands", async () => {
    await restoreWith("may go on");

    expect(packBytesBefore).toBe(store.packBytes);
  });

  test("tells of nothing that is missing if it may not", async () => {
    const told: string[] = [];
    const mayWrite = new Promise<void>((_resolve, reject) => {
      setTimeout(() => reject(new Error("somebody else was faster")), 300);
    });
    store.damage = () => {
      if (fs.existsSync(target)) throw new TsbakError("not-found", "it is gone");
    };
    const onEvent = ({ kind }: RestoreNotice): unknown => told.push(kind);
    const restoring = restore(repository, snapshot, target, { mayWrite, onEvent });
    await expect(restoring).rejects.toThrow("somebody else was faster");
    store.damage = undefined;

    expect(told).not.toContain("error");
    expect(fs.existsSync(target)).toBe(false);
  });
});
