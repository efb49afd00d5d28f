import { describe, expect, test } from "vitest";
import { MemoryBackend } from "../../backend/memory.ts";
import type { Backend, FileKind } from "../../backend/backend.ts";
import { generateMasterKey } from "../../crypto/master-key.ts";
import { fromHex } from "../../bytes/hex.ts";
import { Repository } from "../../repository/repository.ts";
import { listSnapshots, saveSnapshot } from "../../repository/snapshots.ts";
import { walkTree } from "../../repository/walk-tree.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { createSample, type Sample } from "../../testing/sample-repository.ts";
import { copySnapshots } from "./copy.ts";
import type { CopyEvent } from "./copy-report.ts";

const KINDS: readonly FileKind[] = ["key", "lock", "snapshot", "index", "pack"];

function emptyTarget(sample: Sample, version: 1 | 2 = 2, backend?: Backend): Repository {
  const { zstd, config, locking } = sample.testing.repository;
  return new Repository({
    backend: backend ?? new MemoryBackend({ location: "target" }),
    config: { ...config, version, id: "3".repeat(64) },
    masterKey: generateMasterKey(),
    keyId: "4".repeat(64),
    zstd,
    locking,
  });
}

/** As another process would open it. */
function again(repository: Repository, backend: Backend = repository.backend): Repository {
  const { config, masterKey, keyId, zstd, locking } = repository;
  return new Repository({ backend, config, masterKey, keyId, zstd, locking });
}

async function sizesOf(backend: Backend): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const kind of KINDS) {
    for await (const { name, size } of backend.list(kind)) sizes[`${kind} ${name}`] = size;
  }
  return sizes;
}

/** All snapshots can be read in full. Gives their root trees. */
async function readAll(repository: Repository): Promise<string[]> {
  const fresh = again(repository);
  const entries = await listSnapshots(fresh);
  for (const { snapshot } of entries) {
    for await (const { node } of walkTree(fresh, snapshot.tree)) {
      for (const id of node.content ?? []) await fresh.loadBlob("data", id);
    }
  }
  return entries.map(({ snapshot }) => snapshot.tree);
}

const FEW = { threads: 1 };

describe("copySnapshots()", () => {
  test("copies a snapshot with everything that it needs, under a new id", async () => {
    const sample = await createSample();
    const target = emptyTarget(sample);

    const report = await copySnapshots(sample.testing.repository, target, FEW);

    expect(report.copied).toHaveLength(1);
    expect(report.blobs).toBe(5);
    const [entry] = await listSnapshots(target);
    expect(entry?.snapshot.original).toBe(sample.snapshot);
    expect(entry?.id).not.toBe(sample.snapshot);
    expect(await readAll(target)).toEqual([sample.root]);
    expect(Object.keys(await sizesOf(target.backend)).join()).not.toContain("lock");
  });

  test("leaves out what was copied before, also back to where it came from", async () => {
    const sample = await createSample();
    const target = emptyTarget(sample);
    await copySnapshots(sample.testing.repository, target, FEW);
    const before = await sizesOf(target.backend);
    const source = again(sample.testing.repository);

    const second = await copySnapshots(source, again(target), FEW);
    const back = await copySnapshots(again(target), again(source), FEW);

    expect([second.skipped.length, second.copied.length]).toEqual([1, 0]);
    expect([back.skipped.length, back.copied.length]).toEqual([1, 0]);
    expect(await sizesOf(target.backend)).toEqual(before);
  });

  test("copies a snapshot again whose tags were changed, but none of its blobs", async () => {
    const sample = await createSample();
    const { repository } = sample.testing;
    const target = emptyTarget(sample);
    await copySnapshots(repository, target, FEW);
    const [entry] = await listSnapshots(repository);
    await saveSnapshot(repository, {
      ...entry!.snapshot,
      tags: ["monthly"],
      original: sample.snapshot,
    });

    const report = await copySnapshots(repository, again(target), FEW);

    expect(report.copied.map(({ copy }) => copy.snapshot.tags)).toEqual([["monthly"]]);
    expect(report.copied[0]?.copy.snapshot.original).toBe(sample.snapshot);
    expect(report.blobs).toBe(0);
  });

  test.each([
    [2, 1],
    [1, 2],
  ] as const)("changes how blobs are stored from version %i to %i", async (from, to) => {
    const sample = await createSample();
    const middle = emptyTarget(sample, from);
    await copySnapshots(sample.testing.repository, middle, FEW);
    const target = emptyTarget(sample, to);

    await copySnapshots(again(middle), target, FEW);

    expect(await readAll(target)).toEqual([sample.root]);
    const index = await again(target).loadIndex();
    const entry = index.find("tree", fromHex(sample.root));
    expect(index.uncompressedLengthAt(entry) > 0).toBe(to === 2);
  });

  test("goes on after a snapshot that the source cannot give, which it names", async () => {
    const sample = await createSample();
    const { testing } = sample;
    await testing.addSnapshot(sample.ids.sub, "healthy");
    await testing.flip("pack", sample.packs[0].id, 40);
    const target = emptyTarget(sample);
    const events: CopyEvent["type"][] = [];

    const report = await copySnapshots(testing.repository, target, {
      ...FEW,
      onEvent: ({ type }) => events.push(type),
    });

    // Both need the damaged pack but the blob that is shared is behind the damage.
    expect(report.failed.map(({ source }) => source.id)).toEqual([sample.snapshot]);
    expect(report.copied).toHaveLength(1);
    expect(events).toContain("failed");
    expect(await readAll(target)).toEqual([sample.ids.sub]);
  });

  test("changes nothing when there is nothing to copy", async () => {
    const sample = await createSample();
    const target = emptyTarget(sample);

    await copySnapshots(sample.testing.repository, target, { ...FEW, select: async () => [] });

    expect(await sizesOf(target.backend)).toEqual({});
  });

  test("is refused while a prune has the source or the target", async () => {
    const sample = await createSample();
    const target = emptyTarget(sample);
    for (const repository of [sample.testing.repository, target]) {
      const lock = await repository.lock({ exclusive: true });
      await expect(
        copySnapshots(again(sample.testing.repository), again(target), FEW),
      ).rejects.toMatchObject({ code: "locked" });
      await lock.release();
    }
  });

  test("is whole wherever it dies, and goes on from there", async () => {
    const points = Array.from({ length: 8 }, (_, at) =>
      [false, true].map((applied) => ({ at: at + 1, applied })),
    ).flat();
    let crashes = 0;
    const crash = async ({ at, applied }: (typeof points)[number]): Promise<void> => {
      const sample = await createSample();
      await sample.testing.addSnapshot(sample.ids.sub, "other");
      const target = emptyTarget(sample);
      const faulty = new FaultyBackend(target.backend).crashAt(at, { applied });

      await copySnapshots(sample.testing.repository, again(target, faulty), FEW).catch(
        () => undefined,
      );
      if (faulty.crashed) crashes++;
      for await (const { name } of target.backend.list("lock")) {
        await target.backend.remove({ kind: "lock", name });
      }
      await readAll(target);
      await copySnapshots(again(sample.testing.repository), again(target), FEW);

      expect((await readAll(target)).sort()).toEqual([sample.root, sample.ids.sub].sort());
    };
    for (let at = 0; at < points.length; at += 4) {
      await Promise.all(points.slice(at, at + 4).map(crash));
    }
    // A lock, two packs, an index, two snapshots, and the removal of the lock.
    expect(crashes).toBe(14);
  });
});
