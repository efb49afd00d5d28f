import { describe, expect, test } from "vitest";
import type { FileKind, FileRef } from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { Repository } from "../../repository/repository.ts";
import { listSnapshots } from "../../repository/snapshots.ts";
import { copyToTrash } from "../../repository/trash.ts";
import {
  createSample,
  fileNode,
  TestingRepository,
  type Sample,
} from "../../testing/sample-repository.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { MisplacingBackend } from "../../testing/misplacing-backend.ts";
import { encodeTree } from "../../format/tree.ts";
import { forgetSnapshots } from "../forget/forget.ts";
import { tagSnapshots } from "../rewrite/tag-snapshots.ts";
import { doctor, type DoctorOptions } from "./doctor.ts";
import type { DoctorReport } from "./doctor-report.ts";

class Shelf {
  readonly names: string[] = [];
  readonly keepAside = async ({ name }: FileRef): Promise<void> => {
    this.names.push(name);
  };
}

function treat(
  { testing }: Sample,
  options: Partial<DoctorOptions> = {},
  shelf = new Shelf(),
): Promise<DoctorReport> {
  const mayRepair = async (): Promise<boolean> => true;
  return doctor(testing.repository, { ...shelf, mayRepair, threads: 1, ...options });
}

/** A copy file by file, with the same keys. */
async function mirror({ testing }: Sample): Promise<Repository> {
  const copy = await TestingRepository.create();
  const kinds: readonly FileKind[] = ["key", "snapshot", "index", "pack"];
  for (const kind of kinds) {
    for (const name of await testing.repository.listNames(kind)) {
      await copy.backend.write({ kind, name }, await testing.backend.read({ kind, name }));
    }
  }
  return new Repository({ ...testing.repository, backend: copy.backend });
}

/** Put the bytes of two files in each other's place. */
async function swap({ testing }: Sample, kind: FileKind, a: string, b: string): Promise<void> {
  const [first, second] = [
    await testing.backend.read({ kind, name: a }),
    await testing.backend.read({ kind, name: b }),
  ];
  await testing.change(kind, a, () => second);
  await testing.change(kind, b, () => first);
}

describe("doctor()", () => {
  test("asks nothing and changes nothing where all is well", async () => {
    const sample = await createSample();
    let asked = 0;

    const report = await treat(sample, { mayRepair: async () => ++asked > 0 });

    expect(report.before.errors).toEqual([]);
    expect(report.treatment).toBeUndefined();
    expect(asked).toBe(0);
    expect(await sample.testing.repository.listNames("lock")).toEqual([]);
  });

  test("reads each snapshot once where all is well and the trash is empty", async () => {
    const store = new FaultyBackend(new MemoryBackend());
    const sample = await createSample(store);

    await treat(sample);

    const reads = store.calls.filter(
      ({ method, ref }) => method === "read" && ref?.kind === "snapshot",
    );
    expect(reads).toHaveLength(1);
  });

  test("only tells what is wrong unless it may repair", async () => {
    const sample = await createSample();
    await sample.testing.flip("pack", sample.packs[0].id, 20);
    const files = await sample.testing.repository.listNames("pack");

    const report = await treat(sample, { mayRepair: undefined });

    expect(report.after.errors).toMatchObject([{ kind: "pack-damaged" }]);
    expect(report.treatment).toBeUndefined();
    expect(await sample.testing.repository.listNames("pack")).toEqual(files);
  });

  test("takes a damaged snapshot from the trash, where a forget that was killed had copied it", async () => {
    const sample = await createSample();
    await copyToTrash(sample.testing.repository, sample.snapshot, 86_400_000);
    await sample.testing.flip("snapshot", sample.snapshot, 20);

    const report = await treat(sample);

    expect(report.before.errors).toMatchObject([{ kind: "snapshot-damaged" }]);
    expect(report.after.errors).toEqual([]);
    expect(report.treatment?.snapshotsMended).toEqual([sample.snapshot]);
  });

  test("names what is in the trash, and leaves it there", async () => {
    const sample = await createSample();
    const other = await sample.testing.addSnapshot(sample.root, "other");
    await forgetSnapshots(sample.testing.repository, [other]);
    await sample.testing.flip("pack", sample.packs[0].id, 20);

    const report = await treat(sample);

    expect(report.inTrash.map(({ id }) => id)).toEqual([other]);
    expect(await sample.testing.repository.listNames("snapshot")).toEqual([sample.snapshot]);
  });

  test("does not name old forms of what is there among what may be missed", async () => {
    const sample = await createSample();
    const { repository } = sample.testing;
    const other = await sample.testing.addSnapshot(sample.root, "other");
    await tagSnapshots(repository, await listSnapshots(repository), { add: ["x"] });
    const tagged = (await listSnapshots(repository)).find(
      ({ snapshot }) => snapshot.original === other,
    );
    await forgetSnapshots(repository, [tagged!.id]);

    const { inTrash } = await treat(sample);

    expect(inTrash.map(({ id }) => id)).toEqual([tagged!.id]);
  });

  test("takes blobs that were lost from another repository", async () => {
    const sample = await createSample();
    const from = await mirror(sample);
    await sample.testing.flip("pack", sample.packs[0].id, 20);
    await sample.testing.backend.remove({ kind: "pack", name: sample.packs[2].id });

    const { after, treatment } = await treat(sample, { from });

    expect(after.errors).toEqual([]);
    expect([...(treatment?.blobsFound.values() ?? [])]).toEqual([3]);
    expect(treatment).toMatchObject({ blobsSalvaged: 1, blobsLost: [] });
  });

  test("says which files lack what nobody has, and keeps the rest", async () => {
    const sample = await createSample();
    await sample.testing.flip("pack", sample.packs[0].id, 20);

    const { after, treatment } = await treat(sample);

    expect(after.errors).toMatchObject([{ kind: "blob-missing", affectedCount: 1 }]);
    expect(after.errors[0]?.affected).toEqual([{ snapshot: sample.snapshot, path: "/one" }]);
    expect(treatment?.blobsLost).toMatchObject([{ type: "data", id: sample.ids.first }]);
  });

  test("saves a cut off pack before the index drops it", async () => {
    const sample = await createSample();
    const [first] = sample.packs;
    const { length } = first.entries[0] as { length: number };
    await sample.testing.change("pack", first.id, (bytes) => bytes.subarray(0, length + 9));
    const shelf = new Shelf();

    const { treatment } = await treat(sample, {}, shelf);

    expect(treatment).toMatchObject({ blobsSalvaged: 1, blobsLost: [{ type: "data" }] });
    expect(shelf.names).toContain(first.id);
  });

  test.each([0, 1, 31])("repairs an index that says that a blob has %i bytes", async (length) => {
    for (const wrong of [0, 2] as const) {
      const sample = await createSample();
      const { testing, packs, index } = sample;
      const listed = packs.map((pack, number) => {
        const [first, ...rest] = pack.entries;
        return number === wrong ? { ...pack, entries: [{ ...first!, length }, ...rest] } : pack;
      });
      await testing.backend.remove({ kind: "index", name: index });
      await testing.addIndex(listed);

      const fast = await treat(sample, { readData: false, mayRepair: undefined });
      const { before, after, treatment } = await treat(sample);

      expect(fast.before.errors).not.toEqual([]);
      expect(before.errors).not.toEqual([]);
      expect(after.errors).toEqual([]);
      expect(treatment).toMatchObject({ blobsLost: [] });
    }
  });

  test("writes a pack anew that has a wrong name, also if the index calls it so", async () => {
    for (const isIndexed of [false, true]) {
      const sample = await createSample();
      const { testing, packs, index } = sample;
      const renamed = { ...packs[0], id: "ab".repeat(32) };
      const bytes = await testing.backend.read({ kind: "pack", name: packs[0].id });
      await testing.backend.write({ kind: "pack", name: renamed.id }, bytes);
      await testing.backend.remove({ kind: "pack", name: packs[0].id });
      if (isIndexed) {
        await testing.addIndex([renamed, packs[1], packs[2]]);
        await testing.backend.remove({ kind: "index", name: index });
      }

      const { after, treatment } = await treat(sample);

      expect(after.errors).toEqual([]);
      expect(treatment).toMatchObject({ packsSalvaged: [renamed.id], blobsLost: [] });
      for (const name of await testing.repository.listNames("pack")) {
        expect(sha256Hex(await testing.backend.read({ kind: "pack", name }))).toBe(name);
      }
    }
  });

  test("gives packs back to their names that stand in each other's place", async () => {
    const sample = await createSample();
    await swap(sample, "pack", sample.packs[0].id, sample.packs[2].id);

    const { after, treatment } = await treat(sample);

    expect(after.errors).toEqual([]);
    expect(treatment).toMatchObject({ blobsSalvaged: 4, blobsLost: [] });
  });

  test("gives snapshots back to their names that stand in each other's place", async () => {
    const sample = await createSample();
    const { testing } = sample;
    const other = encodeTree([fileNode("other", [sample.blobs.last])]);
    await testing.addIndex([await testing.addPack([{ type: "tree", plain: other }])]);
    const second = await testing.addSnapshot(sha256Hex(other), "second");
    await swap(sample, "snapshot", sample.snapshot, second);

    const { before, after, treatment } = await treat(sample);

    expect(before.errors.map(({ kind }) => kind)).toEqual(["snapshot-damaged", "snapshot-damaged"]);
    expect(after.errors).toEqual([]);
    expect(treatment?.snapshotsMended).toHaveLength(2);
    const names = await testing.repository.listNames("snapshot");
    expect(names.sort()).toEqual([sample.snapshot, second].sort());
  });

  test("takes damaged snapshots and keys from a mirror, and leaves what nobody has", async () => {
    const sample = await createSample();
    const from = await mirror(sample);
    const lost = await sample.testing.addSnapshot(sample.root, "only here");
    for (const name of [sample.snapshot, lost]) await sample.testing.flip("snapshot", name, 9);
    await sample.testing.flip("key", sample.key, 9);

    const { after, treatment } = await treat(sample, { from });

    expect(after.errors).toMatchObject([{ kind: "snapshot-damaged", file: { name: lost } }]);
    expect(treatment).toMatchObject({
      snapshotsMended: [sample.snapshot],
      keysMended: [sample.key],
    });
  });

  test("replaces a damaged index of which a copy was kept", async () => {
    const sample = await createSample();
    await sample.testing.flip("index", sample.index, 50);
    const shelf = new Shelf();

    const { after } = await treat(sample, {}, shelf);

    expect(after.errors).toEqual([]);
    expect(shelf.names).toEqual([sample.index]);
  });
});

describe("doctor() and packs in wrong folders", () => {
  async function createMisplaced(): Promise<{ sample: Sample; store: MisplacingBackend }> {
    const store = new MisplacingBackend();
    return { sample: await createSample(store), store };
  }

  test("tells where they lie, and puts them in their places", async () => {
    const { sample, store } = await createMisplaced();
    const [{ id: first }, { id: second }] = sample.packs;
    const bytes = await store.read({ kind: "pack", name: first });
    await store.misplace(first, "data/zz");
    await store.misplace(second, "data");

    const report = await treat(sample);

    expect(report.before.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^The pack .* is missing, .* lies in data\/zz, .*"tsbak doctor"/),
      expect.stringMatching(/^The pack .* is missing, .* lies in data, .*"tsbak doctor"/),
    ]);
    expect(report.after.errors).toEqual([]);
    expect(report.treatment).toMatchObject({ packsPlaced: [first, second], packsSalvaged: [] });
    expect(await store.read({ kind: "pack", name: first })).toEqual(bytes);
    expect(await store.misplacedPacks.list()).toEqual([]);
  });

  test("saves what is whole in one that is damaged, and keeps a copy of it", async () => {
    const { sample, store } = await createMisplaced();
    const { testing, packs, ids } = sample;
    await testing.flip("pack", packs[0].id, -100);
    await testing.flip("pack", packs[0].id, 100);
    await store.misplace(packs[0].id, "data/zz");
    const shelf = new Shelf();

    const report = await treat(sample, {}, shelf);

    expect(report.treatment).toMatchObject({ packsPlaced: [], blobsSalvaged: 1 });
    expect(report.treatment?.blobsLost).toMatchObject([{ id: ids.first }]);
    expect(shelf.names).toEqual([packs[0].id]);
    expect(await store.misplacedPacks.list()).toEqual([]);
  });

  test("leaves alone what is in its place as well, and what is no pack", async () => {
    const { sample, store } = await createMisplaced();
    const { testing, packs } = sample;
    const [{ id: lost }, { id: double }] = packs;
    const bytes = await store.read({ kind: "pack", name: double });
    await store.misplace(double, "data/zz");
    await store.write({ kind: "pack", name: double }, bytes);
    await store.write({ kind: "pack", name: "ab".repeat(32) }, Buffer.alloc(1000));
    await store.misplace("ab".repeat(32), "data/zz");
    await testing.backend.remove({ kind: "pack", name: lost });
    const elsewhere = await store.misplacedPacks.list();

    const report = await treat(sample);

    expect(report.treatment).toMatchObject({ packsPlaced: [], blobsSalvaged: 0 });
    expect(await store.misplacedPacks.list()).toEqual(elsewhere);
  });
});
