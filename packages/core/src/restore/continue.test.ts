import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import { CountingBackend } from "../testing/counting-backend.ts";
import { randomBytesOf } from "../testing/random-bytes.ts";
import { restore, type RestoreOptions, type RestoreSummary } from "./restore.ts";
import { partName } from "./temporary-names.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-continue-"));
const source = join(top, "source");
const SIZE = 60_000_000;
const PART = partName(Buffer.from("large")).toString();
// Few, so that little has been read ahead when it is interrupted.
const backend = new CountingBackend({ connections: 2 });
let repository: Repository;
let snapshot: SnapshotEntry;
let target = "";

beforeAll(async () => {
  fs.mkdirSync(source);
  fs.writeFileSync(join(source, "large"), randomBytesOf(SIZE, 3));
  for (let file = 0; file < 20; file++) {
    fs.writeFileSync(join(source, `small ${file}`), randomBytesOf(100_000, 100 + file));
  }
  repository = await createQuickly(backend, { password: "secret" });
  snapshot = await save();
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(() => {
  target = fs.mkdtempSync(join(top, "target-"));
});

async function save(): Promise<SnapshotEntry> {
  return (await backup(repository, [source], { threads: 2 })).snapshot as SnapshotEntry;
}

async function run(options: RestoreOptions = {}, from = snapshot): Promise<RestoreSummary> {
  backend.packBytes = 0;
  return restore(repository, { ...from, subPath: source }, target, { threads: 1, ...options });
}

/** Restore until most of everything has been read. */
async function runPartly(): Promise<void> {
  const stop = new AbortController();
  backend.damage = () => {
    if (backend.packBytes > SIZE * 0.8) stop.abort();
  };
  try {
    await expect(run({ signal: stop.signal })).rejects.toMatchObject({ code: "interrupted" });
  } finally {
    backend.damage = undefined;
  }
}

describe("restore() after one that was interrupted", () => {
  test("goes on without fetching what was written", async () => {
    await runPartly();
    expect(fs.existsSync(join(target, "large"))).toBe(false);
    expect(fs.statSync(join(target, PART)).mode & 0o777).toBe(0o600);

    const summary = await run({ delete: true, overwrite: "never" });

    // What was on its way to the threads when the first one ended is fetched again.
    expect(backend.packBytes).toBeLessThan(SIZE * 0.95);
    expect(fs.readFileSync(join(target, "large")).equals(randomBytesOf(SIZE, 3))).toBe(true);
    expect(fs.readdirSync(target).sort()).toEqual(fs.readdirSync(source).sort());
    expect(summary).toMatchObject({ errors: 0, deleted: 0 });
  });

  test("does not trust what was changed in the meantime", async () => {
    await runPartly();
    const fd = fs.openSync(join(target, PART), "r+");
    fs.writeSync(fd, "something else", 0);
    fs.writeSync(fd, "and more", SIZE + 5);
    fs.closeSync(fd);

    await run({ sparse: true });

    expect(fs.readFileSync(join(target, "large")).equals(randomBytesOf(SIZE, 3))).toBe(true);
  });

  test("removes what an earlier one left of a file that turns out to be damaged", async () => {
    await runPartly();
    backend.damage = (bytes) => {
      if (bytes.length > 1_000_000) bytes.fill(0);
    };

    const summary = await run();
    backend.damage = undefined;

    expect(summary.errors).toBeGreaterThan(0);
    expect(fs.existsSync(join(target, PART))).toBe(false);
    expect(fs.existsSync(join(target, "large"))).toBe(false);
  });

  test("writes nothing into a file that has another name", async () => {
    const outside = join(top, "outside");
    fs.writeFileSync(outside, randomBytesOf(SIZE, 3).fill(0, 1_000_000, 1_000_100));
    fs.linkSync(outside, join(target, PART));

    await run();

    expect(fs.readFileSync(outside).subarray(1_000_000, 1_000_100)).toEqual(Buffer.alloc(100));
    expect(fs.readFileSync(join(target, "large")).equals(randomBytesOf(SIZE, 3))).toBe(true);
    expect(fs.existsSync(join(target, PART))).toBe(false);
  });

  test("mixes up nothing if the snapshot has a file of the name that parts have", async () => {
    const contents = randomBytesOf(5_000_000, 4);
    fs.writeFileSync(join(source, PART), contents);
    const both = await save();
    fs.rmSync(join(source, PART));

    await run({}, both);

    expect(fs.readFileSync(join(target, PART)).equals(contents)).toBe(true);
    expect(fs.readFileSync(join(target, "large")).equals(randomBytesOf(SIZE, 3))).toBe(true);
  });
});
