import { describe, expect, test } from "vitest";
import { CONFIG_REF, type Backend, type FileKind } from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { encodeConfig } from "../../format/config.ts";
import { Repository } from "../../repository/repository.ts";
import { listSnapshots } from "../../repository/snapshots.ts";
import { walkTree } from "../../repository/walk-tree.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { MarkingBackend } from "../../testing/marking-backend.ts";
import { createSample, type Sample } from "../../testing/sample-repository.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { mirror, type MirrorOptions } from "./mirror.ts";

const KINDS: readonly FileKind[] = ["config", "key", "lock", "snapshot", "index", "pack"];

/** Every file of a store by kind and name, as the hash of its bytes. */
async function contentsOf(backend: Backend): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const kind of KINDS) {
    for await (const { name } of backend.list(kind)) {
      found[`${kind} ${name}`] = sha256Hex(await backend.read({ kind, name }));
    }
  }
  return found;
}

async function cloneOf(backend: Backend, location: string): Promise<MemoryBackend> {
  const clone = new MemoryBackend({ location });
  for (const kind of KINDS) {
    if (kind === "lock") continue;
    for await (const { name } of backend.list(kind)) {
      await clone.write({ kind, name }, await backend.read({ kind, name }));
    }
  }
  return clone;
}

function repositoryAt(sample: Sample, backend: Backend): Repository {
  const { config, masterKey, keyId, zstd, locking } = sample.testing.repository;
  return new Repository({ backend, config, masterKey, keyId, zstd, locking });
}

async function sampleWithConfig(): Promise<Sample> {
  const sample = await createSample();
  const { backend, repository } = sample.testing;
  await backend.write(CONFIG_REF, repository.sealer.seal(encodeConfig(repository.config)));
  return sample;
}

async function flip(backend: Backend, kind: FileKind, name: string): Promise<void> {
  const bytes = await backend.read({ kind, name });
  bytes[bytes.length >> 1]! ^= 1;
  await backend.remove({ kind, name });
  await backend.write({ kind, name }, bytes);
}

/** Everything that the snapshots need can be read. */
async function expectWhole(sample: Sample, backend: Backend): Promise<void> {
  const repository = repositoryAt(sample, backend);
  for (const { snapshot } of await listSnapshots(repository)) {
    for await (const { node } of walkTree(repository, snapshot.tree)) {
      for (const id of node.content ?? []) await repository.loadBlob("data", id);
    }
  }
  for (const name of (await repository.loadIndex()).packs) {
    expect(sha256Hex(await backend.read({ kind: "pack", name }))).toBe(name);
  }
}

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

describe("mirror() with delete", () => {
  async function forgetfulSource(): Promise<{
    sample: Sample;
    target: MemoryBackend;
    old: string;
  }> {
    const sample = await sampleWithConfig();
    const { testing } = sample;
    const old = await testing.addSnapshot(sample.root, "old");
    const spare = await testing.addPack([{ type: "data", plain: new Uint8Array(99) }]);
    const index = await testing.addIndex([spare]);
    const target = await cloneOf(testing.backend, "mirror");
    await testing.backend.remove({ kind: "snapshot", name: old });
    await testing.backend.remove({ kind: "index", name: index });
    await testing.backend.remove({ kind: "pack", name: spare.id });
    return { sample, target, old };
  }

  test("leaves what only the target has unless it is asked for", async () => {
    const { sample, target, old } = await forgetfulSource();

    const kept = await mirror(sample.testing.repository, target);
    expect(kept).toMatchObject({ onlyOnTarget: 3, snapshotsOnlyOnTarget: [old] });

    const report = await mirror(sample.testing.repository, target, { delete: true });
    expect(report.deletedSnapshots).toEqual([old]);
    expect(report.deleted.pack.files).toBe(1);
    expect(await contentsOf(target)).toEqual(await contentsOf(sample.testing.backend));
  });

  test("does not delete the last snapshot unless that is meant", async () => {
    const { sample, target } = await forgetfulSource();
    await sample.testing.backend.remove({ kind: "snapshot", name: sample.snapshot });

    await expect(mirror(sample.testing.repository, target, { delete: true })).rejects.toMatchObject(
      { code: "invalid-argument" },
    );
    const report = await mirror(sample.testing.repository, target, {
      delete: true,
      allowRemoveAll: true,
    });
    expect(report.deletedSnapshots).toHaveLength(2);
  });

  test("deletes nothing while the source lacks something", async () => {
    const { sample, target, old } = await forgetfulSource();
    await sample.testing.backend.remove({ kind: "pack", name: sample.packs[1].id });

    const report = await mirror(sample.testing.repository, target, { delete: true });

    expect(report.problems).toMatchObject([{ kind: "lacking", side: "source" }]);
    expect(Object.keys(await contentsOf(target))).toContain(`snapshot ${old}`);
    expect(Object.keys(await contentsOf(target))).toContain(`pack ${sample.packs[1].id}`);
  });

  test("is whole wherever it dies", async () => {
    await crashEverywhere({ delete: true }, async () => {
      const { sample, target } = await forgetfulSource();
      return { sample, target, expected: await contentsOf(sample.testing.backend) };
    });
  });
});

interface Case {
  readonly sample: Sample;
  readonly target: MemoryBackend;
  /** What both sides hold when all is done. */
  readonly expected: Record<string, string>;
}

/** Die before and after every write to either side; then the target is whole, and a second run ends as one that never died. */
async function crashEverywhere(
  options: MirrorOptions,
  make: () => Promise<Case>,
  isWholeBetween = true,
): Promise<void> {
  const cases = (["source", "target"] as const).flatMap((side) =>
    [true, false].map((applied) => ({ side, applied })),
  );
  const crash = async ({ side, applied }: (typeof cases)[number]): Promise<void> => {
    const counts = await Promise.all(
      Array.from({ length: 18 }, async (_, at) => {
        const { sample, target, expected } = await make();
        const faulty = {
          source: new FaultyBackend(sample.testing.backend),
          target: new FaultyBackend(target),
        };
        faulty[side].crashAt(at + 1, { applied });
        await mirror(repositoryAt(sample, faulty.source), faulty.target, options).catch(
          () => undefined,
        );
        for (const backend of [sample.testing.backend, target]) {
          for await (const { name } of backend.list("lock")) {
            await backend.remove({ kind: "lock", name });
          }
        }
        if (isWholeBetween) await expectWhole(sample, target);
        const again = await mirror(repositoryAt(sample, sample.testing.backend), target, options);
        expect(again.problems).toEqual([]);
        expect(await contentsOf(target)).toEqual(expected);
        expect(await contentsOf(sample.testing.backend)).toEqual(expected);
        return faulty[side].crashed;
      }),
    );
    expect(counts).toContain(true);
    expect(counts.at(-1)).toBe(false);
  };
  await Promise.all(cases.map(crash));
}

test("mirror() to an empty place is whole wherever it dies", async () => {
  await crashEverywhere({}, async () => {
    const sample = await sampleWithConfig();
    const target = new MemoryBackend({ location: "mirror" });
    return { sample, target, expected: await contentsOf(sample.testing.backend) };
  });
});

describe("mirror() with heal", () => {
  /** A source and its mirror, each with damage that the other does not have. */
  async function damagedSides(): Promise<Case> {
    const sample = await sampleWithConfig();
    const { backend } = sample.testing;
    const expected = await contentsOf(backend);
    const target = await cloneOf(backend, "mirror");
    await flip(backend, "snapshot", sample.snapshot);
    await flip(backend, "pack", sample.packs[0].id);
    await flip(target, "index", sample.index);
    await flip(target, "pack", sample.packs[1].id);
    return { sample, target, expected };
  }

  test("replaces what is damaged by the other side's copy", async () => {
    const { sample, target, expected } = await damagedSides();

    const report = await mirror(sample.testing.repository, target, { heal: true });

    expect(report.problems).toEqual([]);
    expect(report.healed).toHaveLength(4);
    expect(await contentsOf(target)).toEqual(expected);
    expect(await contentsOf(sample.testing.backend)).toEqual(expected);
  });

  test("heals the config of the target, and names it before", async () => {
    const { sample, target, expected } = await damagedSides();
    await flip(target, "config", "");

    await expect(mirror(sample.testing.repository, target)).rejects.toMatchObject({
      code: "corrupt",
    });
    await mirror(sample.testing.repository, target, { heal: true });

    expect(await contentsOf(target)).toEqual(expected);
  });

  test("brings back a pack that only the target has", async () => {
    const sample = await sampleWithConfig();
    const expected = await contentsOf(sample.testing.backend);
    const target = await cloneOf(sample.testing.backend, "mirror");
    await sample.testing.backend.remove({ kind: "pack", name: sample.packs[2].id });

    const report = await mirror(sample.testing.repository, target, { heal: true });

    expect(report.problems).toEqual([]);
    expect(await contentsOf(sample.testing.backend)).toEqual(expected);
  });

  test("reports what is damaged on both sides", async () => {
    const { sample, target } = await damagedSides();
    await flip(target, "pack", sample.packs[0].id);

    const report = await mirror(sample.testing.repository, target, { heal: true });

    expect(report.problems).toMatchObject([
      { kind: "damaged-both", file: { kind: "pack", name: sample.packs[0].id } },
    ]);
  });

  test("loses nothing wherever it dies, even if things are deleted later", async () => {
    await crashEverywhere({ heal: true, delete: true }, damagedSides, false);
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
