import { describe, expect, test } from "vitest";
import { CONFIG_REF } from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { encodeConfig } from "../../format/config.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { MarkingBackend } from "../../testing/marking-backend.ts";
import {
  cloneOf,
  contentsOf,
  expectWhole,
  flip,
  repositoryAt,
  sampleWithConfig,
} from "../../testing/mirror-sides.ts";
import { mirror } from "./mirror.ts";

describe("mirror()", () => {
  test("copies every file to an empty place, and leaves no lock", async () => {
    const sample = await sampleWithConfig();
    const target = new MemoryBackend({ location: "mirror" });

    const report = await mirror(sample.testing.repository, target);

    expect(report.problems).toEqual([]);
    expect(report.newSnapshots).toEqual([sample.snapshot]);
    expect(report.copied.pack.files).toBe(3);
    expect(await contentsOf(target)).toEqual(await contentsOf(sample.testing.backend));
    await expectWhole(sample, target);
  });

  test("tells the target's store which packs hold contents of files only, also of those that it heals", async () => {
    const sample = await sampleWithConfig();
    const { repository } = sample.testing;
    const target = new MarkingBackend({ location: "mirror" });

    await mirror(repository, target);

    const index = await repository.loadIndex();
    const trees = new Set<number>();
    index.forEach(({ type, packNumber }) => type === "tree" && trees.add(packNumber));
    const contents = index.packs.filter((_, number) => !trees.has(number));
    expect(contents.length).toBeGreaterThan(0);
    expect([...target.contents].toSorted()).toEqual(contents.toSorted());
    for (const name of index.packs) await flip(target, "pack", name);
    target.contents.clear();
    await mirror(repository, target, { heal: true });
    expect([...target.contents].toSorted()).toEqual(contents.toSorted());
  });

  test("copies only what is new the second time", async () => {
    const sample = await sampleWithConfig();
    const target = new MemoryBackend({ location: "mirror" });
    await mirror(sample.testing.repository, target);
    const added = await sample.testing.addSnapshot(sample.root, "other");

    const report = await mirror(sample.testing.repository, target);

    expect(report.newSnapshots).toEqual([added]);
    expect(report.copied.pack.files + report.copied.index.files + report.copied.key.files).toBe(0);
    expect(await contentsOf(target)).toEqual(await contentsOf(sample.testing.backend));
  });

  test("refuses a place with another repository, and changes nothing there", async () => {
    const sample = await sampleWithConfig();
    const target = await cloneOf((await sampleWithConfig()).testing.backend, "mirror");
    const before = await contentsOf(target);

    await expect(mirror(sample.testing.repository, target)).rejects.toMatchObject({
      code: "already-exists",
    });
    await expect(mirror(sample.testing.repository, target, { heal: true })).rejects.toMatchObject({
      code: "already-exists",
    });
    expect(await contentsOf(target)).toEqual(before);
  });

  test("refuses a place with files of another repository that lost its config", async () => {
    const sample = await sampleWithConfig();
    const target = await cloneOf((await sampleWithConfig()).testing.backend, "mirror");
    await target.remove(CONFIG_REF);

    await expect(mirror(sample.testing.repository, target)).rejects.toMatchObject({
      code: "already-exists",
    });
  });

  test("refuses the place of the repository itself", async () => {
    const sample = await sampleWithConfig();

    await expect(mirror(sample.testing.repository, sample.testing.backend)).rejects.toMatchObject({
      code: "invalid-argument",
    });
  });

  test("writes nothing in a dry run", async () => {
    const sample = await sampleWithConfig();
    const target = new MemoryBackend({ location: "mirror" });

    const report = await mirror(sample.testing.repository, target, { dryRun: true });

    expect(report.copied.pack.files).toBe(3);
    expect(await contentsOf(target)).toEqual({});
  });

  test("does not copy a damaged file, and says so", async () => {
    const sample = await sampleWithConfig();
    const target = new MemoryBackend({ location: "mirror" });
    await flip(sample.testing.backend, "pack", sample.packs[0].id);

    const report = await mirror(sample.testing.repository, target);

    expect(report.problems).toMatchObject([
      { kind: "damaged", side: "source", file: { kind: "pack", name: sample.packs[0].id } },
    ]);
    expect(Object.keys(await contentsOf(target))).not.toContain(`pack ${sample.packs[0].id}`);
  });

  test("is refused while somebody holds an exclusive lock on either side", async () => {
    const sample = await sampleWithConfig();
    const target = await cloneOf(sample.testing.backend, "mirror");
    for (const backend of [sample.testing.backend, target]) {
      const lock = await repositoryAt(sample, backend).lock({ exclusive: true });
      await sample.testing.addSnapshot(sample.root, "other");
      await expect(mirror(sample.testing.repository, target)).rejects.toMatchObject({
        code: "locked",
      });
      await lock.release();
    }
  });
});

test("mirror() waits for whoever is at the target, who may be removing packs after a prune", async () => {
  const sample = await sampleWithConfig();
  const target = await cloneOf(sample.testing.backend, "mirror");
  const lock = await repositoryAt(sample, target).lock({ exclusive: false });

  await expect(mirror(sample.testing.repository, target)).rejects.toMatchObject({ code: "locked" });

  await lock.release();
});

test("mirror() goes on when a pack vanishes that the index does not name", async () => {
  const sample = await sampleWithConfig();
  const { testing } = sample;
  const garbage = await testing.addPack([{ type: "data", plain: new Uint8Array(9) }]);
  const backend = new FaultyBackend(testing.backend);
  backend.on({ method: "read", name: garbage.id }, { type: "fail", error: "not-found" });
  const target = new MemoryBackend({ location: "mirror" });

  const report = await mirror(repositoryAt(sample, backend), target);
  expect(report.copied.pack.files).toBe(3);
  await expectWhole(sample, target);

  await target.remove({ kind: "pack", name: sample.packs[1].id });
  backend.on({ method: "read", name: sample.packs[1].id }, { type: "fail", error: "not-found" });
  await expect(mirror(repositoryAt(sample, backend), target)).rejects.toMatchObject({
    code: "not-found",
  });
});

test("mirror() takes a repository over that was brought to a later version", async () => {
  const sample = await sampleWithConfig();
  const { backend, repository } = sample.testing;
  const target = await cloneOf(backend, "mirror");
  const before = { ...repository.config, version: 1 as const };
  await target.remove(CONFIG_REF);
  await target.write(CONFIG_REF, repository.sealer.seal(encodeConfig(before)));

  await mirror(repository, target);

  expect(await contentsOf(target)).toEqual(await contentsOf(backend));
});
