import { expect, test } from "vitest";
import { MemoryBackend } from "../../backend/memory.ts";
import { generateMasterKey } from "../../crypto/master-key.ts";
import type { Backend } from "../../backend/backend.ts";
import { Repository } from "../../repository/repository.ts";
import { listSnapshots } from "../../repository/snapshots.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { createSample, type Sample } from "../../testing/sample-repository.ts";
import { rekey } from "./rekey.ts";

const FEW = { threads: 1 };

function again(repository: Repository, backend: Backend): Repository {
  const { config, masterKey, keyId, zstd, locking } = repository;
  return new Repository({ backend, config, masterKey, keyId, zstd, locking });
}

/** The sample, and a new repository with another key. */
async function pair(): Promise<{ sample: Sample; target: Repository }> {
  const sample = await createSample();
  const { zstd, config, keyId, locking } = sample.testing.repository;
  const target = new Repository({
    backend: new MemoryBackend({ location: "new" }),
    config: { ...config, id: "3".repeat(64) },
    masterKey: generateMasterKey(),
    keyId,
    zstd,
    locking,
  });
  return { sample, target };
}

async function locksOf(backend: Backend): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of backend.list("lock")) names.push(name);
  return names;
}

test("rekey() switches when everything is there and only the old repository is locked", async () => {
  const { sample, target } = await pair();
  const locks: number[] = [];

  await rekey(sample.testing.repository, target, {
    ...FEW,
    switchOver: async () => {
      locks.push((await locksOf(sample.testing.backend)).length);
      locks.push((await locksOf(target.backend)).length);
      const entries = await listSnapshots(target);
      expect(entries.map(({ snapshot }) => snapshot.tree)).toEqual([sample.root]);
    },
  });

  expect(locks).toEqual([1, 0]);
  expect(await locksOf(sample.testing.backend)).toEqual([]);
});

test("rekey() copies what was saved while the first copy was made", async () => {
  const { sample, target } = await pair();

  const report = await rekey(sample.testing.repository, target, {
    ...FEW,
    onVerify: () => void sample.testing.addSnapshot(sample.ids.sub, "late"),
  });

  expect(report.copied.map(({ source }) => source.snapshot.hostname)).toEqual(["host", "late"]);
});

test("rekey() does not switch if anything would be lost", async () => {
  const { sample, target } = await pair();
  await sample.testing.flip("pack", sample.packs[0].id, 40);
  let switched = false;
  const switchOver = async (): Promise<void> => void (switched = true);

  await expect(
    rekey(sample.testing.repository, target, { ...FEW, switchOver }),
  ).rejects.toMatchObject({ code: "corrupt" });

  expect(switched).toBe(false);
});

test("rekey() refuses a mirror", async () => {
  const { sample } = await pair();
  const mirror = again(sample.testing.repository, new MemoryBackend({ location: "mirror" }));

  await expect(rekey(sample.testing.repository, mirror, FEW)).rejects.toMatchObject({
    code: "invalid-argument",
  });
});

test("rekey() goes on wherever it died, and never switches before all is there", async () => {
  let crashes = 0;
  const crash = async (at: number): Promise<void> => {
    const { sample, target } = await pair();
    const faulty = new FaultyBackend(target.backend).crashAt(at, { applied: at % 2 === 0 });
    let isComplete = true;
    const switchOver = async (): Promise<void> => {
      isComplete &&= (await listSnapshots(again(target, target.backend))).length === 1;
    };
    const options = { ...FEW, switchOver };
    await rekey(sample.testing.repository, again(target, faulty), options).catch(() => undefined);
    if (faulty.crashed) crashes++;
    for (const backend of [sample.testing.backend, target.backend]) {
      for (const name of await locksOf(backend)) await backend.remove({ kind: "lock", name });
    }
    const source = again(sample.testing.repository, sample.testing.backend);

    const report = await rekey(source, again(target, target.backend), options);

    expect(report.copied.length + report.skipped.length).toBe(1);
    expect(isComplete).toBe(true);
  };
  for (let at = 1; at <= 11; at += 4) {
    await Promise.all([at, at + 1, at + 2, at + 3].map(crash));
  }

  // Lock, two packs, index, snapshot and unlocking; locks for verifying and for the rest, and their removal.
  expect(crashes).toBe(10);
});
