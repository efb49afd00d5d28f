import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { compilePatterns } from "../fs/filter.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import type { RestoreNotice } from "./progress.ts";
import { restore, type RestoreOptions, type RestoreSummary } from "./restore.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-delete-"));
const source = join(top, "source");
const outside = join(top, "outside");
let repository: Repository;
let snapshot: SnapshotEntry;
let target = "";
let items: string[] = [];
let onItem: (path: string) => void = () => undefined;
let errors: string[] = [];

beforeAll(async () => {
  fs.mkdirSync(join(source, "d/e"), { recursive: true });
  fs.mkdirSync(join(source, "void"));
  fs.mkdirSync(outside);
  fs.writeFileSync(join(outside, "kept"), "kept");
  fs.writeFileSync(join(source, "file"), "contents");
  fs.writeFileSync(join(source, "d/e/deep"), "deep contents");
  fs.symlinkSync("nowhere", join(source, "link"));
  repository = await createQuickly(new MemoryBackend(), { password: "secret" });
  snapshot = (await backup(repository, [source], { threads: 1 })).snapshot as SnapshotEntry;
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(async () => {
  target = fs.mkdtempSync(join(top, "target-"));
  onItem = () => undefined;
  await run();
});

async function run(options: RestoreOptions = {}): Promise<RestoreSummary> {
  [items, errors] = [[], []];
  const onEvent = (notice: RestoreNotice): void => {
    if (notice.kind === "error") errors.push(notice.path);
    if (notice.kind !== "item") return;
    items.push(`${notice.action} ${notice.path.replace(target, "TARGET")}`);
    onItem(notice.path);
  };
  const from = { ...snapshot, subPath: source };
  return restore(repository, from, target, { threads: 1, onEvent, reportItems: true, ...options });
}

/** Put something into the target that the snapshot does not have. */
function addStrangers(): void {
  fs.mkdirSync(join(target, "x/y"), { recursive: true });
  fs.writeFileSync(join(target, "x/y/z"), "");
  fs.symlinkSync(outside, join(target, "x/way out"));
  fs.writeFileSync(join(target, "d/e/\xff new"), "");
  fs.writeFileSync(join(target, "void/new"), "");
}

/** Every path below the target. */
function list(): string[] {
  return fs.readdirSync(target, { recursive: true, encoding: "utf8" }).sort();
}

const SNAPSHOT_PATHS = ["d", "d/e", "d/e/deep", "file", "link", "void"];

describe("restore() with `delete`", () => {
  test("removes what the snapshot does not have, and never what symlinks lead to", async () => {
    addStrangers();

    const summary = await run({ delete: true });

    expect(list()).toEqual(SNAPSHOT_PATHS);
    expect(fs.readdirSync(outside)).toEqual(["kept"]);
    expect(summary).toMatchObject({ deleted: 6, errors: 0 });
    expect(items).toContain("deleted TARGET/x/y/z");
    expect(items).toContain("deleted TARGET/x/way out");
  });

  test("removes nothing without it", async () => {
    addStrangers();
    const before = list();

    expect(await run()).toMatchObject({ deleted: 0 });

    expect(list()).toEqual(before);
  });

  test("removes only what patterns select", async () => {
    addStrangers();

    await run({ delete: true, include: [compilePatterns(["/d"])] });
    expect(list()).toContain("x/y/z");
    expect(list()).toContain("void/new");
    expect(list().filter((path) => path.startsWith("d/"))).toEqual(["d/e", "d/e/deep"]);

    await run({ delete: true, exclude: [compilePatterns(["/x", "/d"])] });
    expect(list()).toContain("x/y/z");
    expect(list()).not.toContain("void/new");
    expect(list()).toContain("d/e/deep");
  });

  test("removes nothing where patterns select nothing of the snapshot", async () => {
    addStrangers();

    await run({ delete: true, include: [compilePatterns(["nothing"])] });

    expect(list()).toContain("x/y/z");
  });

  test("makes way where a directory stands in place of something else", async () => {
    for (const name of ["file", "link"]) {
      fs.unlinkSync(join(target, name));
      fs.mkdirSync(join(target, name, "below"), { recursive: true });
    }
    await run();
    expect(errors.sort()).toEqual(["/file", "/link"]);

    const summary = await run({ delete: true });

    expect(list()).toEqual(SNAPSHOT_PATHS);
    expect(summary.errors).toBe(0);
  });

  test("refuses the root of the file system unless patterns say what", async () => {
    const way = join(top, "way to root");
    fs.symlinkSync("/", way);

    for (const root of ["/", "//", way]) {
      const all = restore(repository, snapshot, root, { delete: true, dryRun: true });
      await expect(all).rejects.toMatchObject({ code: "invalid-argument" });
    }
  });
});

describe("restore() with `dryRun`", () => {
  test("changes nothing and tells what it would do", async () => {
    addStrangers();
    fs.writeFileSync(join(target, "file"), "CONTENTS");
    fs.unlinkSync(join(target, "d/e/deep"));
    const before = list();

    const summary = await run({ delete: true, dryRun: true });

    expect(list()).toEqual(before);
    expect(fs.readFileSync(join(target, "file"), "utf8")).toBe("CONTENTS");
    const told = [...items];
    const done = await run({ delete: true });
    expect(told.toSorted()).toEqual(items.toSorted());
    expect(summary).toEqual(done);
  });

  test("does not make the target", async () => {
    const missing = join(top, "missing/target");
    const from = { ...snapshot, subPath: source };

    const summary = await restore(repository, from, missing, { dryRun: true, threads: 1 });

    expect(fs.existsSync(missing)).toBe(false);
    expect(summary).toMatchObject({ files: 2, directories: 3, others: 1, totalBytes: 21 });
  });
});

describe("restore() with `verify`", () => {
  test("reads again what was written, and only that", async () => {
    fs.writeFileSync(join(target, "file"), "CONTENTS");

    expect(await run({ verify: true })).toMatchObject({ verified: 1, unchanged: 1, errors: 0 });
  });

  test("reports a file that does not hold what was written", async () => {
    fs.rmSync(join(target, "d/e/deep"));
    fs.rmSync(join(target, "file"));
    onItem = (path) => {
      if (path !== "/link") return;
      // Links come after all contents.
      fs.writeFileSync(join(target, "file"), "CONTENTS");
      fs.appendFileSync(join(target, "d/e/deep"), "more");
    };

    const summary = await run({ verify: true });

    expect(summary).toMatchObject({ verified: 0, errors: 2 });
    expect(errors.sort()).toEqual(["/d/e/deep", "/file"]);
  });
});
