import { beforeEach, expect, test } from "vitest";
import { sha256Hex } from "../crypto/sha256.ts";
import { printablePath } from "../fs/path.ts";
import { createSample, type Sample } from "../testing/sample-repository.ts";
import { findObjects, resolveObjects, resolvePacks, type WantedObjects } from "./find-objects.ts";

let sample: Sample;

beforeEach(async () => {
  sample = await createSample();
});

async function find(wanted: WantedObjects): Promise<string[]> {
  const found: string[] = [];
  await findObjects(sample.testing.repository, sample.root, wanted, {
    onFound: ({ kind, path, parentTree }) => {
      const tree = parentTree === sample.root ? " of the root" : "";
      found.push(`${kind} ${printablePath(path)}${parentTree === undefined ? "" : tree}`);
    },
    onUnreadable: (tree, { code }) => found.push(`${code} ${tree === sample.ids.sub}`),
  });
  return found;
}

test("a blob is found wherever it is used", async () => {
  const { repository } = sample.testing;
  const shared = sha256Hex(sample.blobs.shared);

  const wanted = await resolveObjects(repository, "data", [shared.slice(0, 10)]);

  expect(await find(wanted)).toEqual(["blob /one of the root", "blob /sub/two"]);
});

test("a tree is found, the root too", async () => {
  const { repository } = sample.testing;
  const wanted = await resolveObjects(repository, "tree", [sample.root, sample.ids.sub]);

  expect(await find(wanted)).toEqual(["tree /", "tree /sub"]);
});

test("a tree that cannot be read is passed by", async () => {
  const { testing, packs, ids } = sample;
  // The sealed tree of the folder lies between the root's and the header.
  const { offset = 0 } = packs[2].entries[1] ?? {};
  await testing.flip("pack", packs[2].id, offset + 20);
  const wanted = await resolveObjects(testing.repository, "data", [ids.first, ids.last]);

  expect(await find(wanted)).toEqual(["blob /one of the root", "corrupt true"]);
});

test("packs stand for everything in them, whether the index lists them or not", async () => {
  const { testing, packs } = sample;
  const plain = Buffer.from("unlisted");
  const unlisted = await testing.addPack([
    { type: "data", plain },
    { type: "data", plain: sample.blobs.last },
  ]);

  expect((await resolvePacks(testing.repository, [packs[2].id])).trees.size).toBe(2);
  const wanted = await resolvePacks(testing.repository, [String(unlisted.id).slice(0, 12)]);
  expect([...wanted.blobs]).toEqual([sha256Hex(plain), sample.ids.last]);
  expect(await find(wanted)).toEqual(["blob /sub/three"]);
});

test("what means nothing is refused", async () => {
  const { testing } = sample;
  const unlisted = await testing.addPack([{ type: "data", plain: Buffer.from("unlisted") }]);
  await testing.flip("pack", unlisted.id, -10);

  await expect(resolveObjects(testing.repository, "data", ["xyz"])).rejects.toThrow(/no beginning/);
  const zeros = "0".repeat(40);
  const missing = { code: "not-found" };
  await expect(resolveObjects(testing.repository, "data", [zeros])).rejects.toMatchObject(missing);
  await expect(resolvePacks(testing.repository, [zeros])).rejects.toMatchObject(missing);
  const damaged = resolvePacks(testing.repository, [unlisted.id]);
  await expect(damaged).rejects.toMatchObject({ code: "corrupt" });
});
