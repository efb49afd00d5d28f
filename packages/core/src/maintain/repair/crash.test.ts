import { expect, test } from "vitest";
import type { FileKind } from "../../backend/backend.ts";
import { isTsbakError } from "../../errors.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { Repository } from "../../repository/repository.ts";
import { listSnapshots } from "../../repository/snapshots.ts";
import { surveyIndex } from "../../repository/survey-index.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { createSample, type Sample } from "../../testing/sample-repository.ts";
import { rebuildIndex } from "./repair-index.ts";
import { salvagePacks } from "./repair-packs.ts";

const KINDS: readonly FileKind[] = ["config", "key", "snapshot", "index", "pack"];
const keepAside = async (): Promise<void> => undefined;

async function copyOf(from: Repository): Promise<Repository> {
  const backend = new MemoryBackend();
  for (const kind of KINDS) {
    for (const name of await from.listNames(kind)) {
      await backend.write({ kind, name }, await from.backend.read({ kind, name }));
    }
  }
  return new Repository({ ...from, backend });
}

/** Everything that can be read by the index as it is: blobs and root trees of snapshots. */
async function readable(repository: Repository): Promise<string[]> {
  const { index } = await surveyIndex(repository);
  const found = new Set<string>();
  for (let entry = 0; entry < index.size; entry++) {
    const { type, id, packNumber, ...place } = index.entryAt(entry);
    const range = { offset: place.offset, length: place.length };
    const ref = { kind: "pack", name: index.packs[packNumber] as string } as const;
    try {
      repository.opener.open(await repository.backend.read(ref, range));
      found.add(`${type} ${id}`);
    } catch {
      // Not in this copy.
    }
  }
  const snapshots = await listSnapshots(repository, {}, { onDamaged: () => undefined });
  for (const { snapshot } of snapshots) found.add(`snapshot of ${snapshot.tree}`);
  return [...found];
}

test.each([
  [
    "rebuildIndex()",
    async ({ testing, packs, index }: Sample) => {
      await testing.flip("index", index, 30);
      await testing.addIndex([packs[2], packs[0]]);
      await testing.addIndex([packs[2]]);
      await testing.backend.remove({ kind: "pack", name: packs[0].id });
    },
    (repository: Repository) => rebuildIndex(repository, {}, {}),
  ],
  [
    "salvagePacks()",
    async ({ testing, packs }: Sample) => testing.flip("pack", packs[0].id, 20),
    (repository: Repository, { packs }: Sample) =>
      salvagePacks(repository, [packs[0].id], { keepAside }, {}),
  ],
])(
  "%s loses nothing that could be read when it dies after any of its writes, and can be begun again",
  async (_, damage, repair) => {
    const sample = await createSample();
    await damage(sample);
    const before = await readable(sample.testing.repository);
    const straight = await copyOf(sample.testing.repository);
    await repair(straight, sample);
    const expected = await readable(straight);

    // To die after a write is the same as to die before the next one.
    let crashes = 0;
    for (let crashed = true; crashed;) {
      const copy = await copyOf(sample.testing.repository);
      const backend = new FaultyBackend(copy.backend).crashAt(crashes + 1, { applied: true });
      await repair(new Repository({ ...copy, backend }), sample).catch(() => undefined);
      ({ crashed } = backend);
      if (crashed) crashes++;

      expect(await readable(copy), `crash ${crashes}`).toEqual(expect.arrayContaining(before));
      // A pack that is gone has nothing left to be salvaged.
      await repair(copy, sample).catch((error: unknown) => {
        if (!isTsbakError(error, "not-found")) throw error;
      });
      expect((await readable(copy)).sort()).toEqual(expected.sort());
    }
    expect(crashes).toBeGreaterThan(1);
  },
);
