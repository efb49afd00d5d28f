import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { fromHex } from "../../bytes/hex.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import type { BlobType } from "../../format/blob-type.ts";
import { BlobIndex } from "../../repository/blob-index.ts";
import { readBlob } from "../../repository/read-blob.ts";
import type { Repository } from "../../repository/repository.ts";
import { TestingRepository, type PlainBlob } from "../../testing/sample-repository.ts";
import { BlobTransfer, type TransferOptions } from "./blob-transfer.ts";
import type { TransferJob } from "./pack-reader.ts";

const SIZES = [0, 1, 100, 20_000, 300_000, 3_000_000];

/** Random data of many sizes, and trees, which the sample compresses. */
function someBlobs(): PlainBlob[] {
  return SIZES.flatMap((size): PlainBlob[] => [
    { type: "data", plain: randomBytes(size) },
    { type: "tree", plain: Buffer.concat([randomBytes(size), Buffer.alloc(1000)]) },
  ]);
}

interface Stored {
  readonly testing: TestingRepository;
  readonly index: BlobIndex;
  readonly packs: readonly string[];
}

async function store(...packs: readonly (readonly PlainBlob[])[]): Promise<Stored> {
  const testing = await TestingRepository.create();
  const indexed = [];
  for (const blobs of packs) indexed.push(await testing.addPack(blobs));
  await testing.addIndex(indexed);
  const index = await testing.repository.loadIndex();
  return { testing, index, packs: indexed.map(({ id }) => id) };
}

/** All blobs of the first pack. */
function firstPack({ index, packs }: Stored): TransferJob {
  const pack = index.packs.indexOf(packs[0] as string);
  const entries: number[] = [];
  for (let entry = 0; entry < index.size; entry++) {
    if (index.packNumberAt(entry) === pack) entries.push(entry);
  }
  return { pack, entries: Uint32Array.from(entries) };
}

async function transferTo(
  source: Stored,
  repository: Repository,
  options: TransferOptions = {},
): Promise<BlobIndex> {
  const index = new BlobIndex();
  const from = { repository: source.testing.repository, index: source.index };
  const transfer = new BlobTransfer(from, { repository, index }, { threads: 2, ...options });
  try {
    await transfer.run([firstPack(source)]);
    await transfer.finish();
  } finally {
    await transfer.close();
  }
  return index;
}

/** Every blob is whole in the target, in the places that it noted and in those that its index files tell. */
async function expectAll(
  repository: Repository,
  noted: BlobIndex,
  blobs: readonly PlainBlob[],
): Promise<void> {
  repository.dropIndex();
  const loaded = await repository.loadIndex();
  for (const index of [noted, loaded]) {
    for (const { type, plain } of blobs) {
      const read = await readBlob(repository, index, type, sha256Hex(plain));
      expect(Buffer.compare(read, plain)).toBe(0);
    }
  }
}

function storedLengths(index: BlobIndex, type: BlobType, blobs: readonly PlainBlob[]): number[] {
  const ids = blobs.filter((blob) => blob.type === type).map(({ plain }) => sha256Hex(plain));
  return ids.map((id) => index.lengthAt(index.find(type, fromHex(id))));
}

test("BlobTransfer takes sealed blobs over as they are within a repository", async () => {
  const blobs = someBlobs();
  const source = await store(blobs);

  const index = await transferTo(source, source.testing.repository);

  await expectAll(source.testing.repository, index, blobs);
  const place = (of: BlobIndex, at: PlainBlob): Parameters<typeof readSealed>[1] => {
    const [found] = of.locate(at.type, sha256Hex(at.plain));
    if (found === undefined) throw new Error("The blob is nowhere");
    return found;
  };
  for (const blob of blobs) {
    const before = await readSealed(source.testing.repository, place(source.index, blob));
    const after = await readSealed(source.testing.repository, place(index, blob));
    expect(Buffer.compare(before, after)).toBe(0);
  }
});

function readSealed(
  { backend }: Repository,
  { pack, offset, length }: { pack: string; offset: number; length: number },
): Promise<Uint8Array> {
  return backend.read({ kind: "pack", name: pack }, { offset, length });
}

test.each([true, false])(
  "BlobTransfer does it in one thread, with the same key: %s",
  async (sharesKey) => {
    const blobs = someBlobs();
    const source = await store(blobs);
    const { repository } = sharesKey ? source.testing : await TestingRepository.create();

    const index = await transferTo(source, repository, { threads: 1, packSize: 1 << 20 });

    await expectAll(repository, index, blobs);
  },
);

test("BlobTransfer seals blobs anew for a repository with another key", async () => {
  const blobs = someBlobs();
  const target = await TestingRepository.create();
  const source = await store(blobs);

  const index = await transferTo(source, target.repository);

  await expectAll(target.repository, index, blobs);
  expect(storedLengths(index, "tree", blobs)).toEqual(storedLengths(source.index, "tree", blobs));
});

test("BlobTransfer compresses data that is not compressed if it is told to", async () => {
  const blobs: PlainBlob[] = [
    { type: "data", plain: Buffer.alloc(1e6, "text ") },
    { type: "data", plain: randomBytes(1e6) },
  ];
  const source = await store(blobs);
  const { repository } = source.testing;
  const lengths = (index: BlobIndex): number[] => storedLengths(index, "data", blobs);

  const kept = lengths(await transferTo(source, repository));
  const packed = await transferTo(source, repository, { recompress: "worthwhile" });
  const forced = await transferTo(source, repository, { recompress: "all" });

  await expectAll(repository, packed, blobs);
  await expectAll(repository, forced, blobs);
  expect(kept).toEqual([1e6 + 32, 1e6 + 32]);
  expect(lengths(packed)).toEqual([expect.closeTo(0, -4), 1e6 + 32]);
  expect(lengths(forced)[1]).toBeGreaterThan(1e6 + 32);
});

test("BlobTransfer finds by trying what samples do not show", async () => {
  const block = randomBytes(3e5);
  const blobs: PlainBlob[] = [
    { type: "data", plain: Buffer.concat([block, block, block, block]) },
    { type: "data", plain: randomBytes(1e6) },
  ];
  const source = await store(blobs);
  const { repository } = source.testing;
  const lengths = (index: BlobIndex): number[] => storedLengths(index, "data", blobs);

  const sampled = await transferTo(source, repository, { recompress: "worthwhile" });
  const tried = await transferTo(source, repository, { recompress: "tried" });

  await expectAll(repository, tried, blobs);
  expect(lengths(sampled)).toEqual([12e5 + 32, 1e6 + 32]);
  expect(lengths(tried)[0]).toBeLessThan(4e5);
  expect(lengths(tried)[1]).toBe(1e6 + 32);
});

test("BlobTransfer takes a blob that is damaged in its pack from another copy", async () => {
  const blobs = someBlobs();
  const source = await store(blobs, blobs);
  const [first = ""] = source.packs;
  await source.testing.flip("pack", first, 20);

  const index = await transferTo(source, source.testing.repository);

  await expectAll(source.testing.repository, index, blobs);
});

test("BlobTransfer refuses a blob of which no copy is whole", async () => {
  const blobs = someBlobs();
  const source = await store(blobs);
  await source.testing.flip("pack", source.packs[0] ?? "", 1000);

  await expect(transferTo(source, source.testing.repository)).rejects.toMatchObject({
    code: "corrupt",
    message: expect.stringContaining(source.packs[0] ?? "") as string,
  });
});
