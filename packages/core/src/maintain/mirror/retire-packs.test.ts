import { expect, test } from "vitest";

import { CONFIG_REF, type Backend } from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { encodeConfig } from "../../format/config.ts";
import type { IndexedPack } from "../../format/index-file.ts";
import { encodeTree } from "../../format/tree.ts";
import { Repository } from "../../repository/repository.ts";
import { listSnapshots, saveSnapshot } from "../../repository/snapshots.ts";
import { listTrash } from "../../repository/trash.ts";
import { walkTree } from "../../repository/walk-tree.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { fileNode, TestingRepository } from "../../testing/sample-repository.ts";
import { someSnapshot } from "../../testing/some-snapshot.ts";
import { mirror, type MirrorOptions } from "./mirror.ts";
import type { MirrorReport } from "./mirror-report.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-01-01T12:00:00Z");
const SHARED = new TextEncoder().encode("what all snapshots have in common");

/** A source in which each snapshot has a pack and an index file of its own, and another pack with all others. */
class Places {
  readonly target = new MemoryBackend({ location: "mirror" });
  readonly testing: TestingRepository;
  readonly #made: { snapshot: string; pack: string; index: string }[] = [];

  private constructor(testing: TestingRepository) {
    this.testing = testing;
  }

  static async create(): Promise<Places> {
    const testing = await TestingRepository.create();
    const { backend, repository } = testing;
    await backend.write(CONFIG_REF, repository.sealer.seal(encodeConfig(repository.config)));
    const shared = await testing.addPack([{ type: "data", plain: SHARED }]);
    await testing.addIndex([shared]);
    return new Places(testing);
  }

  get source(): Repository {
    return this.open(this.testing.backend);
  }

  open(backend: Backend): Repository {
    const { config, masterKey, keyId, zstd, locking } = this.testing.repository;
    return new Repository({ backend, config, masterKey, keyId, zstd, locking });
  }

  /** Gives what the pack of this day holds. */
  async backUp(day: number): Promise<IndexedPack> {
    const data = new TextEncoder().encode(`what is new on day ${day}`);
    const tree = encodeTree([fileNode("file", [SHARED, data])]);
    const pack = await this.testing.addPack([
      { type: "data", plain: data },
      { type: "tree", plain: tree },
    ]);
    const index = await this.testing.addIndex([pack]);
    const time = new Date(START + day * DAY).toISOString();
    const { snapshot } = someSnapshot({ time, tree: sha256Hex(tree) });
    const { id } = await saveSnapshot(this.testing.repository, snapshot);
    this.#made.push({ snapshot: id, pack: pack.id, index });
    return pack;
  }

  /** The source forgets and prunes its oldest. */
  async dropOldest(): Promise<void> {
    const { snapshot, index, pack } = this.#made.shift()!;
    const { backend } = this.testing;
    await backend.remove({ kind: "snapshot", name: snapshot });
    await backend.remove({ kind: "index", name: index });
    await backend.remove({ kind: "pack", name: pack });
  }

  mirror(last: number, wish: MirrorOptions = {}, graceMs = 0): Promise<MirrorReport> {
    const groupBy = { host: true, paths: true, tags: false };
    const policy = { last };
    const retention = { policy, groupBy, nowMs: Date.now(), zoneOffset: () => 0, graceMs };
    return mirror(this.source, this.target, { retention, prune: true, ...wish });
  }

  /** Which days the target has, of which everything can be read. */
  async days(): Promise<number[]> {
    const repository = this.open(this.target);
    const entries = await listSnapshots(repository);
    for (const { snapshot } of entries) {
      for await (const { node } of walkTree(repository, snapshot.tree)) {
        for (const id of node.content ?? []) await repository.loadBlob("data", id);
      }
    }
    for (const name of (await repository.loadIndex()).packs) {
      expect(sha256Hex(await this.target.read({ kind: "pack", name }))).toBe(name);
    }
    return entries.map(({ snapshot }) => (Date.parse(snapshot.time) - START) / DAY);
  }

  async count(kind: "pack" | "index"): Promise<number> {
    return (await this.open(this.target).listNames(kind)).length;
  }
}

test("a mirror that keeps longer than its source has what its own snapshots need, and nothing else", async () => {
  const places = await Places.create();
  for (let day = 0; day < 7; day++) {
    await places.backUp(day);
    if (day >= 2) await places.dropOldest();
    await places.mirror(4);
  }

  expect(await places.days()).toEqual([3, 4, 5, 6]);
  expect([await places.count("pack"), await places.count("index")]).toEqual([5, 5]);
  const { copied, deleted } = await places.mirror(4);
  expect([copied.pack, copied.index, copied.snapshot, deleted.pack, deleted.index]).toEqual(
    Array.from({ length: 5 }, () => ({ files: 0, bytes: 0 })),
  );
});

test("a mirror that keeps less than its source is not given again what it has forgotten", async () => {
  const places = await Places.create();
  for (let day = 0; day < 4; day++) await places.backUp(day);

  const first = await places.mirror(3, {}, DAY);
  const second = await places.mirror(2, {}, DAY);
  const third = await places.mirror(2, {}, DAY);

  expect([first.newSnapshots.length, first.unwanted.length]).toEqual([3, 1]);
  expect(second.retention?.removed.length).toBe(1);
  expect([third.newSnapshots.length, third.retention?.removed.length]).toEqual([0, 0]);
  expect(await places.days()).toEqual([2, 3]);
  expect((await listTrash(places.open(places.target))).length).toBe(1);
  // They are the source's.
  expect(await places.count("pack")).toBe(5);
});

test("what snapshots in the trash need stays until their grace has ended", async () => {
  const places = await Places.create();
  await places.backUp(0);
  await places.mirror(5);
  await places.dropOldest();
  await places.backUp(1);

  await places.mirror(1, {}, DAY);
  expect([await places.days(), await places.count("pack")]).toEqual([[1], 3]);
});

test("of an index file that names what goes and what stays, the latter is written anew", async () => {
  const places = await Places.create();
  const packs = [await places.backUp(0), await places.backUp(1)];
  const { testing } = places;
  for (const name of await testing.repository.listNames("index")) {
    const { packs: named } = await places.open(testing.backend).loadIndex();
    if (named.length > 0) await testing.backend.remove({ kind: "index", name });
  }
  const [shared = ""] = (await testing.repository.listNames("pack")).filter(
    (name) => !packs.some(({ id }) => id === name),
  );
  await testing.backend.remove({ kind: "pack", name: shared });
  const again = await testing.addPack([{ type: "data", plain: SHARED }]);
  const index = await testing.addIndex([again, ...packs]);
  await places.mirror(5);
  // The source prunes: its index names only what it still needs.
  await testing.backend.remove({ kind: "index", name: index });
  for (const { id } of await listSnapshots(places.source)) {
    await testing.backend.remove({ kind: "snapshot", name: id });
  }
  for (const { id } of packs) await testing.backend.remove({ kind: "pack", name: id as string });
  await testing.addIndex([again]);
  await places.backUp(2);

  await places.mirror(2);

  expect(await places.days()).toEqual([1, 2]);
  expect([await places.count("pack"), await places.count("index")]).toEqual([3, 3]);
});

test("nothing is deleted while the source lacks something, nor in a dry run", async () => {
  const places = await Places.create();
  await places.backUp(0);
  await places.mirror(1);
  await places.dropOldest();
  const pack = await places.backUp(1);
  const before = await places.count("pack");

  const dry = await places.mirror(1, { dryRun: true });
  expect([dry.retention?.removed.length, await places.days()]).toEqual([1, [0]]);
  await places.mirror(5);
  await places.testing.backend.remove({ kind: "pack", name: pack.id as string });
  const report = await places.mirror(1);

  expect(report.problems).toMatchObject([{ kind: "lacking" }]);
  expect(report.retention).toBeUndefined();
  expect(await places.days()).toEqual([0, 1]);
  expect(await places.count("pack")).toBe(before + 1);
});

/** What a report says of a run, whether it was dry or not. */
function told(report: MirrorReport): unknown {
  const { copied, deleted, unwanted, retention, onlyOnTarget, problems } = report;
  const sorted = (ids: readonly string[] = []): string[] => ids.toSorted();
  return {
    ...{ copied, deleted, unwanted, onlyOnTarget, problems },
    newSnapshots: sorted(report.newSnapshots),
    deletedSnapshots: sorted(report.deletedSnapshots),
    snapshotsOnlyOnTarget: sorted(report.snapshotsOnlyOnTarget),
    forgotten: sorted(retention?.removed),
    trash: retention?.trash,
  };
}

async function fileNames(backend: Backend): Promise<string[]> {
  const names: string[] = [];
  for (const kind of ["config", "key", "lock", "snapshot", "index", "pack", "trash"] as const) {
    for await (const { name } of backend.list(kind)) names.push(`${kind} ${name}`);
  }
  return names.sort();
}

test.each([
  { title: "that keeps less", last: 1, graceMs: 0, wish: {} },
  { title: "that keeps more", last: 4, graceMs: 0, wish: {} },
  { title: "with a trash", last: 1, graceMs: DAY, wish: {} },
  { title: "that does not prune", last: 2, graceMs: 0, wish: { prune: false } },
  { title: "that deletes", last: 1, graceMs: 0, wish: { retention: undefined, delete: true } },
])("a dry run to a mirror $title tells what the run does", async ({ last, graceMs, wish }) => {
  const places = await Places.create();
  const compare = async (): Promise<void> => {
    const before = await fileNames(places.target);
    const dry = await places.mirror(last, { ...wish, dryRun: true }, graceMs);
    expect(await fileNames(places.target)).toEqual(before);
    expect(told(dry)).toEqual(told(await places.mirror(last, wish, graceMs)));
  };
  for (let day = 0; day < 3; day++) await places.backUp(day);
  await compare();
  // All that is there goes, and other packs come.
  for (let day = 3; day < 6; day++) {
    await places.dropOldest();
    await places.backUp(day);
  }
  await compare();
  await places.backUp(6);
  await compare();
  await compare();
});

test("a dry run tells of index files that are written anew, too", async () => {
  const places = await Places.create();
  const packs = [await places.backUp(0), await places.backUp(1)];
  const { testing } = places;
  // One index file at the mirror names what goes and what stays.
  await places.mirror(5);
  for (const name of await testing.repository.listNames("index")) {
    await places.target.remove({ kind: "index", name });
  }
  const shared = await places.source.loadIndex();
  const entries = shared.packs.filter((name) => !packs.some(({ id }) => id === name));
  expect(entries).toHaveLength(1);
  const both = new TestingRepository(places.open(places.target));
  await both.addIndex(packs);
  await places.dropOldest();
  await places.dropOldest();
  await places.backUp(2);

  const dry = await places.mirror(2, { dryRun: true });
  const real = await places.mirror(2);

  expect(told(dry)).toEqual(told(real));
  expect([real.deleted.index.files, real.deleted.pack.files]).toEqual([1, 1]);
  expect(await places.days()).toEqual([1, 2]);
});

test("a mirror with a retention is whole wherever it dies", async () => {
  let crashes = 0;
  for (let nth = 1, isDone = false; !isDone; nth++) {
    const places = await Places.create();
    for (let day = 0; day < 2; day++) await places.backUp(day);
    await places.mirror(5);
    await places.dropOldest();
    await places.backUp(2);
    const faulty = new FaultyBackend(places.target).crashAt(nth, { applied: nth % 2 === 0 });
    const groupBy = { host: true, paths: true, tags: false };
    const setting = { groupBy, nowMs: Date.now(), zoneOffset: () => 0, graceMs: 0 };
    const retention = { policy: { last: 2 }, ...setting };
    const options = { retention, prune: true };
    await mirror(places.source, faulty, options).catch(() => undefined);
    isDone = !faulty.crashed;
    if (faulty.crashed) crashes++;
    for (const backend of [places.testing.backend, places.target]) {
      for await (const { name } of backend.list("lock")) {
        await backend.remove({ kind: "lock", name });
      }
    }
    if (faulty.crashed && (await hasConfig(places.target))) await places.days();

    await places.mirror(2);
    expect(await places.days()).toEqual([1, 2]);
    expect(await places.count("pack")).toBe(3);
  }
  expect(crashes).toBeGreaterThan(10);
});

async function hasConfig(backend: Backend): Promise<boolean> {
  return backend.stat(CONFIG_REF).then(
    () => true,
    () => false,
  );
}
