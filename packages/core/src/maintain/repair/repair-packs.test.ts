import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { FileRef } from "../../backend/backend.ts";
import { Repository } from "../../repository/repository.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { createSample, type Sample } from "../../testing/sample-repository.ts";
import { verify } from "../verify/verify.ts";
import { repairPacks } from "./repair-packs.ts";

const ALL = { readData: true, noLock: true, threads: 1 };

async function lostBlobs({ testing }: Sample): Promise<(string | undefined)[]> {
  testing.repository.dropIndex();
  const report = await verify(testing.repository, ALL);
  return report.errors.map(({ kind, blob }) => blob?.id ?? kind);
}

/** Copies that were kept, by name. */
class Shelf {
  readonly copies = new Map<string, Uint8Array>();
  readonly keepAside = async ({ name }: FileRef, bytes: Uint8Array): Promise<void> => {
    this.copies.set(name, bytes.slice());
  };
}

describe("repairPacks()", () => {
  test("saves the blobs that are whole, keeps a copy and removes the pack", async () => {
    const sample = await createSample();
    const { repository, backend } = sample.testing;
    const { id: name } = sample.packs[0];
    await sample.testing.flip("pack", name, 20);
    const damaged = await backend.read({ kind: "pack", name });
    const shelf = new Shelf();

    const summary = await repairPacks(repository, [name], shelf);

    expect(summary.packs).toMatchObject([
      { name, saved: 1, unread: [{ type: "data", id: sample.ids.first }] },
    ]);
    expect(shelf.copies.get(name)).toEqual(damaged);
    expect(await repository.listNames("pack")).not.toContain(name);
    expect(await lostBlobs(sample)).toEqual([sample.ids.first]);
    expect(await repository.listNames("lock")).toEqual([]);
  });

  test("finds blobs by the index where the header is damaged", async () => {
    const sample = await createSample();
    await sample.testing.flip("pack", sample.packs[0].id, -1);

    const { blobsSaved } = await repairPacks(
      sample.testing.repository,
      [sample.packs[0].id],
      new Shelf(),
    );

    expect(blobsSaved).toBe(2);
    expect(await lostBlobs(sample)).toEqual([]);
  });

  test("finds blobs by the header where the index is wrong", async () => {
    const sample = await createSample();
    const [, second] = sample.packs;
    const [first, , trees] = sample.packs;
    const wrong = second.entries.map((entry) => ({ ...entry, id: randomBytes(32) }));
    await sample.testing.backend.remove({ kind: "index", name: sample.index });
    await sample.testing.addIndex([first, { id: second.id, entries: wrong }, trees]);

    await repairPacks(sample.testing.repository, [second.id], new Shelf());

    expect(await lostBlobs(sample)).toEqual([]);
  });

  test("saves what is left of a pack that was cut off", async () => {
    const sample = await createSample();
    const [first] = sample.packs;
    const { length } = first.entries[0] as { length: number };
    await sample.testing.change("pack", first.id, (bytes) => bytes.subarray(0, length + 9));

    const { packs } = await repairPacks(sample.testing.repository, [first.id], new Shelf());

    expect(packs).toMatchObject([{ saved: 1, unread: [{}] }]);
    expect(await lostBlobs(sample)).toHaveLength(1);
  });

  test("drops an empty file", async () => {
    const sample = await createSample();
    const [, second] = sample.packs;
    await sample.testing.change("pack", second.id, () => new Uint8Array());

    await repairPacks(sample.testing.repository, [second.id], new Shelf());

    expect(await lostBlobs(sample)).toEqual([sample.ids.last]);
  });

  test("changes nothing if a copy cannot be kept, or a pack is not there", async () => {
    const sample = await createSample();
    const { repository } = sample.testing;
    const name = sample.packs[0].id;
    const before = await repository.listNames("pack");
    const refuse = (): Promise<void> => Promise.reject(new Error("no room"));

    const full = repairPacks(repository, [name], { keepAside: refuse });
    await expect(full).rejects.toThrow("no room");
    const missing = repairPacks(repository, [name, "ab".repeat(32)], new Shelf());
    await expect(missing).rejects.toMatchObject({ code: "not-found" });

    expect(await repository.listNames("pack")).toEqual(before);
    expect(await repository.listNames("index")).toEqual([sample.index]);
  });
});

test("repairPacks() reads blob by blob what cannot be read as a whole, and leaves the pack", async () => {
  const sample = await createSample();
  const backend = new FaultyBackend(sample.testing.backend);
  await backend.write({ kind: "config", name: "" }, new Uint8Array(1));
  const repository = new Repository({ ...sample.testing.repository, backend });
  const [{ id: name }] = sample.packs;
  // The pack as a whole, then the first of its blobs.
  for (const nth of [1, 2]) {
    const pattern = { method: "read", kind: "pack", name, nth } as const;
    backend.on(pattern, { type: "fail", error: "unavailable" });
  }

  const summary = await repairPacks(repository, [name], new Shelf());

  expect(summary).toMatchObject({ blobsSaved: 1, packsLeft: [name] });
  expect(await repository.listNames("pack")).toContain(name);
  expect(await lostBlobs(sample)).toEqual([sample.ids.first]);
});
