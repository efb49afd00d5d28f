import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { Repository } from "../../repository/repository.ts";
import { createSample, type Sample } from "../../testing/sample-repository.ts";
import { verify } from "../verify/verify.ts";
import { repairIndex } from "./repair-index.ts";

const ALL = { readData: true, noLock: true, threads: 1 };

/** Every copy of every blob that the index lists, in an order of its own. */
async function listed({ testing }: Sample): Promise<string[]> {
  testing.repository.dropIndex();
  const index = await testing.repository.loadIndex();
  const blobs: string[] = [];
  index.forEach(({ type, id, packNumber, offset, length, uncompressedLength }) =>
    blobs.push([type, id, index.packs[packNumber], offset, length, uncompressedLength].join(" ")),
  );
  return blobs.sort();
}

async function errorsOf({ testing }: Sample): Promise<string[]> {
  return (await verify(testing.repository, ALL)).errors.map(({ kind }) => kind);
}

async function indexNames({ testing }: Sample): Promise<string[]> {
  return (await testing.repository.listNames("index")).sort();
}

describe("repairIndex()", () => {
  test("writes nothing where the index is true, and leaves no lock", async () => {
    const sample = await createSample();
    const before = await indexNames(sample);

    const summary = await repairIndex(sample.testing.repository);

    expect(summary).toMatchObject({ packsAdded: [], packsMissing: [], indexesRemoved: 0 });
    expect(await indexNames(sample)).toEqual(before);
    expect(await sample.testing.repository.listNames("lock")).toEqual([]);
  });

  test("builds a lost index from the headers of the packs", async () => {
    const sample = await createSample();
    const expected = await listed(sample);
    await sample.testing.backend.remove({ kind: "index", name: sample.index });

    const { packsAdded } = await repairIndex(sample.testing.repository);

    expect(packsAdded).toHaveLength(3);
    expect(await listed(sample)).toEqual(expected);
    expect(await errorsOf(sample)).toEqual([]);
  });

  test("replaces a damaged index file", async () => {
    const sample = await createSample();
    const expected = await listed(sample);
    await sample.testing.flip("index", sample.index, 40);

    const summary = await repairIndex(sample.testing.repository);

    expect(summary).toMatchObject({ indexesDamaged: [sample.index], indexesRemoved: 1 });
    expect(await indexNames(sample)).not.toContain(sample.index);
    expect(await listed(sample)).toEqual(expected);
  });

  test("drops a pack that is not there and keeps the others of its file", async () => {
    const sample = await createSample();
    const expected = (await listed(sample)).filter((blob) => !blob.includes(sample.packs[1].id));
    await sample.testing.backend.remove({ kind: "pack", name: sample.packs[1].id });

    const { packsMissing } = await repairIndex(sample.testing.repository);

    expect(packsMissing).toEqual([sample.packs[1].id]);
    expect(await listed(sample)).toEqual(expected);
  });

  test("reads a pack again that two files list with different blobs", async () => {
    const sample = await createSample();
    const [first] = sample.packs;
    const expected = await listed(sample);
    const { entries } = first;
    const wrong = { ...(entries[0] as (typeof entries)[0]), offset: 5, id: randomBytes(32) };
    await sample.testing.addIndex([{ id: first.id, entries: [wrong] }]);

    const { packsReread } = await repairIndex(sample.testing.repository);

    expect(packsReread).toEqual([first.id]);
    expect(await listed(sample)).toEqual(expected);
    expect(await errorsOf(sample)).toEqual([]);
  });

  test("lists a pack once that several files list", async () => {
    const sample = await createSample();
    const expected = await listed(sample);
    await sample.testing.addIndex([sample.packs[0]]);

    await repairIndex(sample.testing.repository);

    expect(await listed(sample)).toEqual(expected);
    const report = await verify(sample.testing.repository, ALL);
    expect(report).toMatchObject({ errors: [], hints: [] });
  });

  test("keeps what the index says of a pack that was cut off, as far as it goes", async () => {
    const sample = await createSample();
    const [first] = sample.packs;
    const kept = first.entries[0] as (typeof first.entries)[0];
    await sample.testing.change("pack", first.id, (bytes) => bytes.subarray(0, kept.length + 9));

    const { packsDamaged } = await repairIndex(sample.testing.repository);

    expect(packsDamaged).toEqual([first.id]);
    const ofPack = (await listed(sample)).filter((blob) => blob.includes(first.id));
    expect(ofPack).toEqual([expect.stringContaining(sample.ids.first)]);
  });

  test("leaves a file alone that is no pack", async () => {
    const sample = await createSample();
    const expected = await listed(sample);
    const name = "ab".repeat(32);
    await sample.testing.backend.write({ kind: "pack", name }, randomBytes(100));

    const { packsUnknown } = await repairIndex(sample.testing.repository);

    expect(packsUnknown).toEqual([name]);
    expect(await sample.testing.repository.listNames("pack")).toContain(name);
    expect(await listed(sample)).toEqual(expected);
  });

  test("makes an index of all headers if that is wished", async () => {
    const sample = await createSample();
    const expected = await listed(sample);
    const wrong = sample.packs.map((pack) => ({
      ...pack,
      entries: pack.entries.map((entry) => ({ ...entry, id: randomBytes(32) })),
    }));
    await sample.testing.backend.remove({ kind: "index", name: sample.index });
    await sample.testing.addIndex(wrong);

    await repairIndex(sample.testing.repository, { readAllPacks: true });

    expect(await listed(sample)).toEqual(expected);
  });

  test("changes nothing if a pack is out of reach only", async () => {
    const sample = await createSample();
    const before = await indexNames(sample);
    const backend = new FaultyBackend(sample.testing.backend);
    const repository = new Repository({ ...sample.testing.repository, backend });
    await sample.testing.addIndex([{ ...sample.packs[0], entries: [] }]);
    backend.on({ method: "read", kind: "pack" }, { type: "fail", error: "unavailable" });

    const repairing = repairIndex(repository, { readAllPacks: true });

    await expect(repairing).rejects.toMatchObject({ code: "unavailable" });
    expect(await indexNames(sample)).toEqual(expect.arrayContaining(before));
  });
});
