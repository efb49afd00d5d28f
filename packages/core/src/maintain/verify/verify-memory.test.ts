import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SYSTEM_CLOCK } from "../../async/clock.ts";
import { StateFolder } from "../../fs/state-folder.ts";
import { Repository } from "../../repository/repository.ts";
import { DrivenClock } from "../../testing/driven-clock.ts";
import { TestingRepository } from "../../testing/sample-repository.ts";
import { verify, type VerifyOptions } from "./verify.ts";
import type { VerifyReport } from "./verify-report.ts";

const DAY = 86_400_000;

let base: string;
let testing: TestingRepository;
let repository: Repository;
let clock: DrivenClock;

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "tsbak-ledger-"));
  testing = await TestingRepository.create();
  repository = remembering(base);
  clock = new DrivenClock();
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

function remembering(state: string): Repository {
  const { backend, config, masterKey, keyId, zstd, locking } = testing.repository;
  return new Repository({
    backend,
    config,
    masterKey,
    keyId,
    zstd,
    locking,
    state: new StateFolder(state, config.id),
  });
}

async function addPacks(count: number): Promise<string[]> {
  const packs = [];
  for (let at = 0; at < count; at++) {
    packs.push(await testing.addPack([{ type: "data", plain: randomBytes(1000) }]));
  }
  await testing.addIndex(packs);
  return packs.map(({ id }) => id);
}

function run(options: VerifyOptions = {}): Promise<VerifyReport> {
  return verify(repository, { noLock: true, threads: 1, clock, ...options });
}

test("six daily runs of 1/6 read every pack that was there before, while the repository grows", async () => {
  await addPacks(12);
  let report: VerifyReport | undefined;

  for (let day = 0; day < 6; day++) {
    report = await run({ readData: { budget: { runs: 6 } } });
    expect(report.counts.packsRead).toBeLessThanOrEqual(4);
    await clock.pass(DAY);
    await addPacks(1);
  }

  expect(report?.coverage).toMatchObject({ packs: 17, days: 30 });
  expect(report?.coverage.packsRead).toBeGreaterThanOrEqual(12);
  const since = (report?.coverage.oldest?.knownSince ?? 0) * 1000;
  expect(since).toBeGreaterThan(Date.parse("2026-08-01T12:00:00Z"));
});

test("what was read 30 days ago does not count any more, and what was removed is forgotten", async () => {
  const [first = ""] = await addPacks(2);
  expect((await run({ readData: true })).coverage).toMatchObject({ packsRead: 2, bytesRead: 2210 });

  await clock.pass(31 * DAY);
  const later = await run();
  await testing.backend.remove({ kind: "pack", name: first });
  const damaged = await run();

  expect(later.coverage).toMatchObject({ packs: 2, packsRead: 0 });
  expect(later.coverage.oldest?.readAt).toBe(Date.parse("2026-08-01T12:00:00Z") / 1000);
  expect(damaged.coverage.oldest).toMatchObject({ readAt: expect.any(Number) as number });
});

test("a pack that is damaged or missing never counts, and a damaged one is read again in each run", async () => {
  const [first = "", second = "", third = ""] = await addPacks(3);
  await run({ readData: true });
  await testing.flip("pack", second, 100);
  await testing.backend.remove({ kind: "pack", name: third });
  const all = await run({ readData: true });
  expect(all.coverage).toMatchObject({ packs: 3, packsRead: 1 });

  for (let day = 0; day < 3; day++) {
    const report = await run({ readData: { budget: { bytes: 1 } } });
    expect(report.counts.packsRead).toBe(1);
    expect(report.damagedPacks).toEqual([second]);
    expect(report.coverage.packsRead).toBe(1);
  }
  await testing.flip("pack", second, 100);
  const repaired = await run({ readData: { budget: { bytes: 1 } } });
  expect(repaired.damagedPacks).toEqual([]);
  expect(repaired.coverage).toMatchObject({ packsRead: 2, oldest: { name: third } });
  expect(first).not.toBe(third);
});

test("what was read counts though the run was interrupted", async () => {
  await addPacks(20);
  const interruption = new AbortController();
  const onEvent = (): void => interruption.abort();
  const { signal } = interruption;

  await expect(run({ readData: true, signal, onEvent })).rejects.toMatchObject({
    code: "interrupted",
  });

  const { packsRead } = (await run()).coverage;
  expect(packsRead).toBeGreaterThan(0);
  expect(packsRead).toBeLessThan(20);
});

test("a budget of time ends the run between packs, and the next one goes on where it was", async () => {
  await addPacks(20);
  let minutes = 0;
  const everyPackAMinute = { ...SYSTEM_CLOCK, steady: () => 60_000 * minutes };
  const slow = new Proxy(repository, {
    get: (target, name) => {
      if (name !== "backend") return Reflect.get(target, name) as unknown;
      const read: Repository["backend"]["read"] = (ref, ...rest) => {
        if (ref.kind === "pack") minutes++;
        return target.backend.read(ref, ...rest);
      };
      return { ...target.backend, read };
    },
  });
  const readData = { budget: { milliseconds: 5 * 60_000 } };
  const read: number[] = [];

  for (let night = 0; night < 8; night++) {
    minutes = 0;
    const report = await verify(slow, {
      noLock: true,
      threads: 1,
      clock: everyPackAMinute,
      readData,
    });
    expect(report.errors).toEqual([]);
    read.push(report.coverage.packsRead);
    if (report.coverage.packsRead === 20) break;
  }

  expect(read[0]).toBeGreaterThanOrEqual(1);
  expect(read[0]).toBeLessThan(20);
  expect(read.at(-1)).toBe(20);
  expect(read).toEqual(read.toSorted((a, b) => a - b));
});

test("a budget is refused where nothing can be remembered", async () => {
  await addPacks(1);
  const readData = { budget: { bytes: 1 } };

  await expect(
    verify(testing.repository, { noLock: true, threads: 1, readData }),
  ).rejects.toMatchObject({ code: "invalid-argument" });

  writeFileSync(join(base, "file"), "");
  repository = remembering(join(base, "file"));
  await expect(run({ readData })).rejects.toMatchObject({ code: "denied" });

  const report = await run({ readData: true });
  expect(report.errors).toEqual([]);
  expect(report.memoryProblem?.code).toBe("denied");
});
