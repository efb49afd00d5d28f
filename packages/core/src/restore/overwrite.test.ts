import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import { walkTree } from "../repository/walk-tree.ts";
import { CountingBackend } from "../testing/counting-backend.ts";
import { randomBytesOf } from "../testing/random-bytes.ts";
import type { RestoreNotice } from "./progress.ts";
import { restore, type RestoreOptions, type RestoreSummary } from "./restore.ts";
import { LARGEST_REPLACED } from "./settle-standing.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-overwrite-"));
const source = join(top, "source");
const backend = new CountingBackend();
const LARGE = LARGEST_REPLACED + 4_000_000;
const MIDDLE = 9_000_000;
const WHEN = new Date("2020-02-02T02:02:02Z");
let repository: Repository;
let snapshot: SnapshotEntry;
let target = "";
let items: string[] = [];
let errors: string[] = [];

beforeAll(async () => {
  fs.mkdirSync(join(source, "d"), { recursive: true });
  fs.writeFileSync(join(source, "small"), "small contents");
  fs.writeFileSync(join(source, "d/other"), "other contents");
  fs.writeFileSync(join(source, "empty"), "");
  fs.writeFileSync(join(source, "middle"), randomBytesOf(MIDDLE, 1));
  fs.writeFileSync(join(source, "large"), randomBytesOf(LARGE, 2));
  fs.linkSync(join(source, "large"), join(source, "large again"));
  fs.symlinkSync("nowhere", join(source, "link"));
  for (const name of ["small", "d/other", "empty", "middle", "large"]) {
    fs.utimesSync(join(source, name), WHEN, WHEN);
  }
  repository = await createQuickly(backend, { password: "secret" });
  snapshot = (await backup(repository, [source], { threads: 2 })).snapshot as SnapshotEntry;
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(async () => {
  target = fs.mkdtempSync(join(top, "target-"));
  await run();
});

async function run(options: RestoreOptions = {}): Promise<RestoreSummary> {
  [items, errors] = [[], []];
  const onEvent = (notice: RestoreNotice): void => {
    if (notice.kind === "item") items.push(`${notice.action} ${notice.path}`);
    if (notice.kind === "error") errors.push(`${notice.path}: ${notice.message}`);
  };
  backend.packBytes = 0;
  const from = { ...snapshot, subPath: source };
  const all = { threads: 2, onEvent, reportItems: true, ...options };
  return restore(repository, from, target, all);
}

/** Change a run of bytes of a file in the target. */
function scribble(name: string, offset: number, length: number): void {
  const fd = fs.openSync(join(target, name), "r+");
  const bytes = Buffer.alloc(length);
  fs.readSync(fd, bytes, 0, length, offset);
  fs.writeSync(
    fd,
    bytes.map((byte) => byte ^ 0x55),
    0,
    length,
    offset,
  );
  fs.closeSync(fd);
}

const read = (name: string): Buffer => fs.readFileSync(join(target, name));
const inode = (name: string): number => fs.statSync(join(target, name)).ino;

/** Bytes that this process wrote to files so far. */
function writtenBytes(): number {
  return Number(/^wchar: (\d+)$/m.exec(fs.readFileSync("/proc/self/io", "utf8"))?.[1]);
}

/** Total length of the blobs of a file that hold bytes of a range, and how many they are. */
async function blobsOf(name: string, offset: number, length: number): Promise<[number, number]> {
  const index = await repository.loadIndex();
  let [at, total, count] = [0, 0, 0];
  for await (const { node, path } of walkTree(repository, snapshot.snapshot.tree)) {
    if (Buffer.from(path).toString() !== `${source}/${name}`) continue;
    for (const id of node?.content ?? []) {
      const size = index.plainLength("data", Buffer.from(id, "hex")) ?? 0;
      if (at < offset + length && at + size > offset) [total, count] = [total + size, count + 1];
      at += size;
    }
  }
  return [total, count];
}

describe("restore() over what it restored before", () => {
  test("fetches nothing, writes no contents and keeps every file", async () => {
    const before = ["small", "middle", "large"].map(inode);
    const written = writtenBytes();

    const summary = await run();

    expect(backend.packBytes).toBeLessThan(20_000);
    expect(writtenBytes() - written).toBeLessThan(1_000_000);
    expect(["small", "middle", "large"].map(inode)).toEqual(before);
    expect(inode("large again")).toBe(inode("large"));
    expect(summary).toMatchObject({ files: 1, others: 1, unchanged: 5, errors: 0, bytes: 0 });
    expect(summary.unchangedBytes).toBe(LARGE + MIDDLE + 28);
    expect(summary).toMatchObject({ totalFiles: 1, totalBytes: 0 });
  });

  test("gives back metadata where only that differs", async () => {
    fs.chmodSync(join(target, "small"), 0o777);
    fs.utimesSync(join(target, "middle"), 5, 5);
    const mode = fs.statSync(join(source, "small")).mode;

    await run();

    expect(fs.statSync(join(target, "small")).mode).toBe(mode);
    expect(fs.statSync(join(target, "middle")).mtime).toEqual(WHEN);
  });

  test("fetches only the blobs of a large file that differ, and writes only what differs of them", async () => {
    fs.unlinkSync(join(target, "large again"));
    const before = inode("large");
    scribble("large", 10_000_000, 200_000);
    const [wanted, blobs] = await blobsOf("large", 10_000_000, 200_000);
    const written = writtenBytes();

    const summary = await run();

    expect(read("large").equals(randomBytesOf(LARGE, 2))).toBe(true);
    expect(inode("large")).toBe(before);
    // The blobs may lie in several packs, with others between them that are read over.
    expect(backend.packBytes).toBeLessThan(wanted + blobs * (1 << 20) + 20_000);
    expect(writtenBytes() - written).toBeLessThan(1_000_000);
    expect(summary).toMatchObject({ errors: 0, unchanged: 4, bytes: LARGE });
    expect(items).toContain("updated /large");
  });

  test("cuts and lengthens a large file where it is", async () => {
    fs.unlinkSync(join(target, "large again"));
    const before = inode("large");
    fs.appendFileSync(join(target, "large"), "more");
    await run();
    expect(backend.packBytes).toBeLessThan(20_000);
    expect(fs.statSync(join(target, "large")).size).toBe(LARGE);

    fs.unlinkSync(join(target, "large again"));
    fs.truncateSync(join(target, "large"), LARGE - 100);
    await run();

    expect(read("large").equals(randomBytesOf(LARGE, 2))).toBe(true);
    expect(inode("large")).toBe(before);
    expect(backend.packBytes).toBeLessThan(10_000_000);
  });

  test("replaces smaller files as a whole, and takes what is right from the old ones", async () => {
    const before = ["middle", "small"].map(inode);
    const held = fs.openSync(join(target, "middle"), "r");
    scribble("middle", 100, 10);
    fs.writeFileSync(join(target, "small"), "other");
    fs.writeFileSync(join(target, "empty"), "not empty");
    const [wanted] = await blobsOf("middle", 100, 10);

    const summary = await run();

    expect(read("middle").equals(randomBytesOf(MIDDLE, 1))).toBe(true);
    expect(read("small").toString()).toBe("small contents");
    expect(read("empty")).toHaveLength(0);
    // Who has the old file open still sees it as it was.
    const first = Buffer.alloc(1);
    fs.readSync(held, first, 0, 1, 100);
    fs.closeSync(held);
    expect(first[0]).toBe((randomBytesOf(101, 1)[100] as number) ^ 0x55);
    expect(before).not.toContain(inode("small"));
    expect(backend.packBytes).toBeLessThan(wanted + (1 << 20));
    expect(summary).toMatchObject({ errors: 0, bytes: MIDDLE + 14 });
    expect(fs.readdirSync(target).sort()).toEqual(fs.readdirSync(source).sort());
  });

  test("replaces a large file from which a program runs", async () => {
    fs.unlinkSync(join(target, "large again"));
    // What follows a program in its file does not concern it.
    const program = Buffer.concat([fs.readFileSync("/bin/sleep"), randomBytesOf(LARGE, 5)]);
    const running = join(target, "large");
    fs.writeFileSync(running, program.subarray(0, LARGE));
    fs.chmodSync(running, 0o755);
    const child = spawn(running, ["60"], { stdio: "ignore" });
    await once(child, "spawn");

    const summary = await run();
    const isRunning = child.exitCode === null;
    child.kill();

    expect(isRunning).toBe(true);
    expect(summary.errors).toBe(0);
    expect(read("large").equals(randomBytesOf(LARGE, 2))).toBe(true);
    expect(fs.readdirSync(target).sort()).toEqual(fs.readdirSync(source).sort());
  });

  test("writes nothing into a file that has a name elsewhere, nor changes its metadata", async () => {
    const [same, changed] = [join(top, "same"), join(top, "changed")];
    fs.unlinkSync(join(target, "large again"));
    fs.linkSync(join(target, "large"), changed);
    fs.linkSync(join(target, "small"), same);
    scribble("large", 5, 5);
    const before = fs.readFileSync(changed);
    fs.chmodSync(same, 0o600);

    await run();

    expect(fs.readFileSync(changed).equals(before)).toBe(true);
    expect(fs.statSync(same)).toMatchObject({ nlink: 1, mode: 0o100600 });
    expect(read("large").equals(randomBytesOf(LARGE, 2))).toBe(true);
    expect(read("small").toString()).toBe("small contents");
    expect(backend.packBytes).toBeLessThan(LARGE);
    fs.rmSync(same);
    fs.rmSync(changed);
  });

  test("does not keep a file in its place that cannot be restored, but tells of it", async () => {
    scribble("middle", 100, 10);
    const before = read("middle");
    backend.damage = (bytes) => {
      if (bytes.length > 200_000) bytes.fill(0);
    };
    try {
      await run();
    } finally {
      backend.damage = undefined;
    }

    expect(errors).toEqual([expect.stringMatching(/^\/middle: blob .* is damaged or missing/)]);
    expect(read("middle").equals(before)).toBe(true);
    expect(fs.readdirSync(target).sort()).toEqual(fs.readdirSync(source).sort());
  });
});

describe("restore() with `overwrite`", () => {
  beforeEach(() => {
    fs.writeFileSync(join(target, "small"), "SMALL CONTENTS");
    fs.utimesSync(join(target, "small"), WHEN, WHEN);
    fs.writeFileSync(join(target, "d/other"), "newer contents");
    fs.unlinkSync(join(target, "empty"));
    fs.unlinkSync(join(target, "large again"));
    fs.unlinkSync(join(target, "link"));
    fs.symlinkSync("elsewhere", join(target, "link"));
  });

  const state = (): string[] => [
    read("small").toString(),
    read("d/other").toString(),
    fs.readlinkSync(join(target, "link")),
  ];

  test("`if-changed` trusts size and time", async () => {
    const summary = await run({ overwrite: "if-changed" });

    expect(state()).toEqual(["SMALL CONTENTS", "other contents", "nowhere"]);
    expect(summary).toMatchObject({ unchanged: 3, files: 3, errors: 0 });
  });

  test("`if-newer` leaves what is newer or as old", async () => {
    const summary = await run({ overwrite: "if-newer" });

    expect(state()).toEqual(["SMALL CONTENTS", "newer contents", "elsewhere"]);
    expect(items).toContain("unchanged /link");
    expect(summary).toMatchObject({ unchanged: 5, files: 2, errors: 0 });
  });

  test("`if-newer` overwrites what is older", async () => {
    fs.utimesSync(join(target, "small"), 5, 5);
    fs.lutimesSync(join(target, "link"), 5, 5);

    await run({ overwrite: "if-newer" });

    expect(state()).toEqual(["small contents", "newer contents", "nowhere"]);
  });

  test("`never` makes only what is missing", async () => {
    fs.utimesSync(join(target, "small"), 5, 5);

    const summary = await run({ overwrite: "never" });

    expect(state()).toEqual(["SMALL CONTENTS", "newer contents", "elsewhere"]);
    expect(fs.statSync(join(target, "small")).mtimeMs).toBe(5000);
    expect(inode("large again")).toBe(inode("large"));
    expect(items).toContain("restored /empty");
    expect(summary).toMatchObject({ unchanged: 5, files: 2, errors: 0 });
  });
});
