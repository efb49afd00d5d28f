import { expect, test } from "vitest";
import { MemoryBackend } from "../../backend/memory.ts";
import { Repository } from "../../repository/repository.ts";
import { loadSnapshot } from "../../repository/snapshots.ts";
import { copyToTrash, listTrash, removeFromTrash } from "../../repository/trash.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import {
  all,
  allNames,
  blobIds,
  createScene,
  data,
  expectClean,
  idOf,
  names,
  treeOf,
  type PruneScene,
} from "../../testing/prune-scene.ts";
import { verify } from "../verify/verify.ts";
import { prune } from "./prune.ts";

test("prune() removes what no snapshot needs and keeps the rest whole", async () => {
  const { testing, packs, used } = await createScene();
  const { id: unindexed } = await testing.addPack([data()]);

  const report = await prune(testing.repository, all);

  await expectClean(testing.repository);
  expect(await blobIds(testing.repository)).toEqual(Object.values(used).map(idOf).sort());
  const left = await names(testing.repository, "pack");
  expect(left).toContain(packs[0]);
  for (const gone of [...packs.slice(1), unindexed]) expect(left).not.toContain(gone);
  expect(left).toHaveLength(3);
  expect(await names(testing.repository, "lock")).toEqual([]);
  expect(await names(testing.repository, "index")).toHaveLength(1);
  expect(report.removedPacks).toBe(4);
  expect(report.statistics).toMatchObject({
    blobs: { used: 4, unused: 3, duplicate: 0, repack: 4, repackRemove: 2, remove: 1 },
    packs: { used: 1, partlyUsed: 2, unused: 1, unreferenced: 1, keep: 1, repack: 2, remove: 1 },
  });
});

test("prune() has nothing to do a second time", async () => {
  const { testing } = await createScene();
  await prune(testing.repository, all);
  const before = await allNames(testing.repository);

  const report = await prune(testing.repository, all);

  expect(await allNames(testing.repository)).toEqual(before);
  expect(report.removedPacks).toBe(0);
});

test("prune() as a dry run changes nothing", async () => {
  const { testing } = await createScene();
  const before = await allNames(testing.repository);

  const report = await prune(testing.repository, { ...all, dryRun: true });

  expect(await allNames(testing.repository)).toEqual(before);
  expect(report.statistics.packs).toMatchObject({ repack: 2, remove: 1 });
});

test("prune() keeps one copy of what is stored twice", async () => {
  const { testing, used } = await createScene();
  const { a, b, c, kept } = used;
  await testing.addIndex([await testing.addPack([a, b, c]), await testing.addPack([kept])]);

  const report = await prune(testing.repository, all);

  await expectClean(testing.repository);
  expect(await blobIds(testing.repository)).toEqual([a, b, c, kept].map(idOf).sort());
  expect(report.statistics.blobs).toMatchObject({ used: 4, duplicate: 4 });
});

test("prune() spares the snapshots that it is told of", async () => {
  const { testing, unused } = await createScene();
  const forgotten = await testing.addSnapshot(idOf(unused.forgotten));
  const entry = await loadSnapshot(testing.repository, forgotten);
  await testing.backend.remove({ kind: "snapshot", name: forgotten });

  await prune(testing.repository, { ...all, spare: () => Promise.resolve([entry]) });

  const left = await blobIds(testing.repository);
  for (const blob of Object.values(unused)) expect(left).toContain(idOf(blob));
});

test("prune() takes snapshots for removed that are to be ignored", async () => {
  const { testing, snapshot } = await createScene();

  const { statistics } = await prune(testing.repository, {
    ...all,
    dryRun: true,
    ignoreSnapshots: new Set([snapshot]),
  });

  expect(statistics.blobs).toMatchObject({ used: 0, unused: 7 });
});

test("prune() begins no repacking when its time is over", async () => {
  const { testing, packs } = await createScene();

  const report = await prune(testing.repository, { ...all, maxDurationMs: 0 });

  await expectClean(testing.repository);
  expect(report).toMatchObject({ postponedPacks: 2, removedPacks: 1 });
  expect(await names(testing.repository, "pack")).toEqual([packs[0], packs[1], packs[3]].sort());
});

test("prune() removes the index first where there is no room, and writes it anew", async () => {
  const { testing, packs } = await createScene();
  const { repository } = testing;

  const wrong = prune(repository, { ...all, recoverNoFreeSpace: "2".repeat(64) });
  await expect(wrong).rejects.toMatchObject({ code: "invalid-argument" });
  const report = await prune(repository, { ...all, recoverNoFreeSpace: repository.id });

  await expectClean(repository);
  expect(report.removedPacks).toBe(1);
  expect(await names(repository, "pack")).toEqual([packs[0], packs[1], packs[3]].sort());
});

test.each<[string, (scene: PruneScene) => Promise<unknown>]>([
  [
    "a blob that is used is in no index",
    ({ testing }) => testing.addSnapshot(idOf(treeOf(data()))),
  ],
  [
    "a pack that is used is missing",
    ({ testing, packs }) => testing.backend.remove({ kind: "pack", name: packs[0] ?? "" }),
  ],
  [
    "a pack that is used is too short",
    ({ testing, packs }) => testing.change("pack", packs[0] ?? "", (bytes) => bytes.subarray(9)),
  ],
  ["a snapshot cannot be read", ({ testing, snapshot }) => testing.flip("snapshot", snapshot, 40)],
  ["a tree cannot be read", ({ testing, packs }) => testing.flip("pack", packs[3] ?? "", 40)],
  [
    "a blob to be moved is damaged",
    ({ testing, packs }) => testing.flip("pack", packs[1] ?? "", 40),
  ],
  [
    "an index file cannot be read",
    async ({ testing }) => {
      const [index = ""] = await names(testing.repository, "index");
      await testing.flip("index", index, 40);
    },
  ],
])("prune() removes nothing if %s", async (_, damage) => {
  const scene = await createScene();
  await damage(scene);
  const before = await allNames(scene.testing.repository);

  await expect(prune(scene.testing.repository, all)).rejects.toMatchObject({ code: "corrupt" });

  const after = await allNames(scene.testing.repository);
  before.slice(0, 3).forEach((files, kind) => {
    for (const name of files) expect(after[kind]).toContain(name);
  });
  expect(after[3]).toEqual([]);
});

test("prune() loses nothing when it dies at any of its writes, and the next one does the rest", async () => {
  const { testing, used } = await createScene();
  const { config, masterKey, keyId, zstd, locking, backend } = testing.repository;
  let crashes = 0;
  for (let more = true; more;) {
    const copy = new MemoryBackend();
    for (const kind of ["pack", "index", "snapshot"] as const) {
      for await (const { name } of backend.list(kind)) {
        await copy.write({ kind, name }, await backend.read({ kind, name }));
      }
    }
    const faulty = new FaultyBackend(copy).crashAt(crashes + 1, { applied: false });
    const parts = { config, masterKey, keyId, zstd, locking };
    await prune(new Repository({ ...parts, backend: faulty }), all).catch(() => undefined);
    more = faulty.crashed;
    if (more) crashes++;
    for await (const { name } of copy.list("lock")) await copy.remove({ kind: "lock", name });

    const left = new Repository({ ...parts, backend: copy });
    const { errors, counts } = await verify(left, { readData: true, threads: 1 });
    expect(errors).toEqual([]);
    expect(counts.snapshots).toBe(1);
    if (crashes % 4 > 0) continue;
    await prune(left, all);
    // A pack may be listed twice, which is no error.
    expect((await verify(left, { readData: true, threads: 1 })).errors).toEqual([]);
    expect(await blobIds(left)).toEqual(Object.values(used).map(idOf).sort());
  }
  // Three locks come and go; two packs, two index files; four index files and three packs are removed.
  expect(crashes).toBeGreaterThan(12);
}, 300_000);

test("prune() forgets packs that are missing and not needed", async () => {
  const { testing, packs, used } = await createScene();
  await testing.backend.remove({ kind: "pack", name: packs[2] ?? "" });
  const warnings: string[] = [];

  await prune(testing.repository, {
    ...all,
    onEvent: (event) => event.kind === "warning" && warnings.push(event.message),
  });

  await expectClean(testing.repository);
  expect(await blobIds(testing.repository)).toEqual(Object.values(used).map(idOf).sort());
  expect(warnings).toEqual([expect.stringContaining(packs[2] ?? "")]);
});

test("prune() spares what is in the trash, until its grace ends, and takes it out of there then", async () => {
  const { testing, unused } = await createScene();
  const { repository } = testing;
  const id = await testing.addSnapshot(idOf(unused.forgotten));
  await copyToTrash(repository, id, 3_600_000);
  await repository.backend.remove({ kind: "snapshot", name: id });

  await prune(repository, all);
  expect(await blobIds(repository)).toEqual(
    expect.arrayContaining(Object.values(unused).map(idOf)),
  );
  const [entry] = await listTrash(repository);
  await repository.backend.write({ kind: "snapshot", name: id }, entry!.file);
  await expectClean(repository);

  await copyToTrash(repository, id, -1000);
  await removeFromTrash(repository, entry!.names);
  await repository.backend.remove({ kind: "snapshot", name: id });
  await prune(repository, all);
  for (const blob of Object.values(unused)) {
    expect(await blobIds(repository)).not.toContain(idOf(blob));
  }
  expect(await names(repository, "trash")).toEqual([]);
});

test("prune() is not held up by a forgotten snapshot whose data is gone already", async () => {
  const { testing, used } = await createScene();
  const id = await testing.addSnapshot("ab".repeat(32));
  await copyToTrash(testing.repository, id, 3_600_000);
  await testing.backend.remove({ kind: "snapshot", name: id });

  await prune(testing.repository, all);

  await expectClean(testing.repository);
  expect(await blobIds(testing.repository)).toEqual(Object.values(used).map(idOf).sort());
  expect((await listTrash(testing.repository)).length).toBe(1);
});
