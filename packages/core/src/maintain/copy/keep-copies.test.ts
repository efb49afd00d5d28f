import { expect, test } from "vitest";

import { MemoryBackend } from "../../backend/memory.ts";
import { generateMasterKey } from "../../crypto/master-key.ts";
import { Repository } from "../../repository/repository.ts";
import { listSnapshots, loadSnapshot, saveSnapshot } from "../../repository/snapshots.ts";
import { listTrash } from "../../repository/trash.ts";
import { createSample, type Sample } from "../../testing/sample-repository.ts";
import type { Retention } from "../forget/apply-retention.ts";
import { copySnapshots } from "./copy.ts";
import type { CopyReport } from "./copy-report.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-01-01T12:00:00Z");

/** A source with a backup of each of so many days, and an empty target. */
async function setUp(days: number): Promise<{ sample: Sample; target: Repository }> {
  const sample = await createSample();
  const { repository } = sample.testing;
  const { snapshot } = await loadSnapshot(repository, sample.snapshot);
  await repository.backend.remove({ kind: "snapshot", name: sample.snapshot });
  for (let day = 0; day < days; day++) {
    const time = new Date(START + day * DAY).toISOString();
    await saveSnapshot(repository, { ...snapshot, time });
  }
  const { zstd, config } = repository;
  const target = new Repository({
    backend: new MemoryBackend({ location: "target" }),
    config: { ...config, id: "3".repeat(64) },
    masterKey: generateMasterKey(),
    keyId: "4".repeat(64),
    zstd,
  });
  return { sample, target };
}

function again({ backend, config, masterKey, keyId, zstd, locking }: Repository): Repository {
  return new Repository({ backend, config, masterKey, keyId, zstd, locking });
}

function copyKeeping(
  { sample, target }: { sample: Sample; target: Repository },
  wish: Partial<Retention>,
): Promise<CopyReport> {
  const retention: Retention = {
    policy: { last: 3 },
    groupBy: { host: true, paths: true, tags: false },
    nowMs: Date.now(),
    zoneOffset: () => 0,
    ...wish,
  };
  return copySnapshots(again(sample.testing.repository), again(target), { threads: 1, retention });
}

async function daysAt(target: Repository): Promise<number[]> {
  const entries = await listSnapshots(target);
  return entries.map(({ snapshot }) => (Date.parse(snapshot.time) - START) / DAY);
}

test("only what the target would keep is copied, and what it keeps no longer goes to its trash", async () => {
  const places = await setUp(6);
  const { sample, target } = places;

  const first = await copyKeeping(places, {});
  expect(await daysAt(target)).toEqual([3, 4, 5]);
  expect([first.copied.length, first.unwanted.length]).toEqual([3, 3]);

  const second = await copyKeeping(places, { policy: { last: 2 } });
  expect(await daysAt(target)).toEqual([4, 5]);
  expect(second.retention).toMatchObject({ trash: "kept", failed: [] });
  expect((await listTrash(target)).length).toBe(1);

  const third = await copyKeeping(places, { policy: { last: 2 } });
  expect([third.copied.length, third.retention?.removed.length]).toEqual([0, 0]);
  expect((await listSnapshots(sample.testing.repository)).length).toBe(6);
});

test("in the place of one that cannot be copied another one is", async () => {
  const places = await setUp(4);
  const { repository } = places.sample.testing;
  const newest = (await listSnapshots(repository)).at(-1)!;
  await repository.backend.remove({ kind: "snapshot", name: newest.id });
  await saveSnapshot(repository, { ...newest.snapshot, tree: "9".repeat(64) });

  const report = await copyKeeping(places, {});

  expect(report.failed.length).toBe(1);
  expect(await daysAt(places.target)).toEqual([0, 1, 2]);
});

test("more than the limit is refused when everything was copied, unless somebody allows it", async () => {
  const places = await setUp(13);
  await copyKeeping(places, { policy: { last: 12 } });
  const asked: number[] = [];
  const limit = { share: 0.8 };

  await expect(copyKeeping(places, { policy: { last: 1 }, limit })).rejects.toThrow(
    "11 of the 12 of a group would be removed",
  );
  expect((await daysAt(places.target)).length).toBe(12);
  const allowMany = async (groups: readonly unknown[]): Promise<boolean> =>
    asked.push(groups.length) > 0;
  await copyKeeping(places, { policy: { last: 1 }, limit, allowMany });

  expect(asked).toEqual([1]);
  expect(await daysAt(places.target)).toEqual([12]);
});

test("nothing is copied when the policy keeps nothing of a group", async () => {
  const places = await setUp(2);

  const copying = copyKeeping(places, { policy: { tagLists: [["keep"]] } });

  await expect(copying).rejects.toThrow("the policy keeps none of the group");
  expect(await daysAt(places.target)).toEqual([]);
});
