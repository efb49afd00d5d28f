import { expect, test } from "vitest";
import { sha256 } from "../../crypto/sha256.ts";
import {
  all,
  blobIds,
  createScene,
  data,
  expectClean,
  idOf,
  names,
  pruneAmid,
  treeOf,
} from "../../testing/prune-scene.ts";
import { verify } from "../verify/verify.ts";
import { BlobMarks, createMarks } from "./blob-marks.ts";
import { IndexFiles } from "./index-files.ts";
import { LateComers } from "./late-comers.ts";
import { prune } from "./prune.ts";

test("prune() keeps packs that a snapshot needs which was made while it worked", async () => {
  const scene = await createScene();
  const { testing, unused } = scene;

  // The third listing is the one under the exclusive lock.
  const report = await pruneAmid(scene, { kind: "snapshot", nth: 3 }, () =>
    testing.addSnapshot(idOf(unused.forgotten)),
  );

  testing.repository.dropIndex();
  const verified = await verify(testing.repository, { readData: true, threads: 2 });
  expect(verified.errors).toEqual([]);
  expect(verified.counts.snapshots).toBe(2);
  expect(report.rescuedPacks).toBe(3);
});

test("prune() keeps packs that were in no index until a backup ended meanwhile", async () => {
  const scene = await createScene();
  const { testing } = scene;
  const late = data();
  const tree = treeOf(late);
  const packs = [await testing.addPack([late]), await testing.addPack([tree])];

  await pruneAmid(scene, { kind: "snapshot", nth: 3 }, async () => {
    await testing.addIndex(packs);
    await testing.addSnapshot(idOf(tree));
  });

  await expectClean(testing.repository);
  const left = await names(testing.repository, "pack");
  for (const { id } of packs) expect(left).toContain(id);
});

test("LateComers looks below trees that were marked and could not be read", async () => {
  const { testing, packs, unused } = await createScene();
  const files = new IndexFiles(testing.repository);
  await files.loadNew({});
  const { index } = files;
  const marks = new BlobMarks(createMarks(index.size));
  marks.mark(index.find("tree", sha256(unused.forgotten.plain)));
  const condemned = { packs: new Set(index.packs.keys()), unreferenced: new Set<string>() };
  const late = new LateComers(testing.repository, files, marks, {});
  await late.newSnapshots({});
  await testing.addSnapshot(idOf(unused.forgotten));

  await late.spare(condemned, {});

  expect(Array.from(condemned.packs, (pack) => index.packs[pack])).toEqual([packs[0]]);
});

test("prune() removes nothing if index files went meanwhile", async () => {
  const scene = await createScene();
  const { repository } = scene.testing;
  const before = await names(repository, "pack");
  const [gone = ""] = await names(repository, "index");

  const pruned = pruneAmid(scene, { kind: "snapshot", nth: 3 }, () =>
    repository.backend.remove({ kind: "index", name: gone }),
  );

  await expect(pruned).rejects.toMatchObject({ code: "locked" });
  for (const pack of before) expect(await names(repository, "pack")).toContain(pack);
});

test("prune() removes nothing while others hold a lock, and uses what it repacked the next time", async () => {
  const { testing, used } = await createScene();
  const { repository } = testing;
  const before = await names(repository, "pack");
  const lock = await repository.lock({ exclusive: false });

  await expect(prune(repository, { ...all, maxWaitMs: 0 })).rejects.toMatchObject({
    code: "locked",
    message: expect.stringContaining("nothing was removed") as string,
  });
  const amid = await names(repository, "pack");
  for (const pack of before) expect(amid).toContain(pack);
  await lock.release();
  const report = await prune(repository, all);

  await expectClean(repository);
  expect(await blobIds(repository)).toEqual(Object.values(used).map(idOf).sort());
  expect(report.statistics.packs.repack).toBe(0);
  for (const pack of await names(repository, "pack")) expect(amid).toContain(pack);
});
