import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { generateMasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { sha256, sha256Hex } from "../crypto/sha256.ts";
import { decodePackHeader, decodePackTrailer, PACK_TRAILER_SIZE } from "../format/pack-header.ts";
import { createOpenPacks, OpenPacks, type FinishedPack, type NewBlob } from "./open-packs.ts";
import { createPackMemory, PackMemoryPool, PrivatePackMemory } from "./pack-memory.ts";

const TARGET_SIZE = 4 << 20;
const key = generateMasterKey();
const opener = new Opener(key);

function blobOf(stored: Uint8Array): NewBlob {
  return { type: "data", id: sha256(stored), stored, uncompressedLength: 0 };
}

function numbered(number: number, size = 100_000): NewBlob {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, number);
  return blobOf(bytes);
}

/** The ids of all blobs in a pack, in hex, after every byte of it has been checked. */
function readPack({ name, bytes, header }: FinishedPack): string[] {
  expect(name).toBe(sha256Hex(bytes));
  const sealed = decodePackTrailer(bytes, bytes.length);
  const headerAt = bytes.length - PACK_TRAILER_SIZE - sealed;
  expect(opener.open(bytes.slice(headerAt, headerAt + sealed))).toEqual(header);
  const entries = decodePackHeader(header);
  expect(entries.reduce((sum, entry) => sum + entry.length, 0)).toBe(headerAt);
  return entries.map(({ id, offset, length }) => {
    const plain = opener.open(bytes.slice(offset, offset + length));
    expect(Buffer.compare(sha256(plain), id)).toBe(0);
    return Buffer.from(id).toString("hex");
  });
}

test("OpenPacks puts every blob into one pack, and closes packs at their target size", () => {
  const packs = new OpenPacks(
    key,
    TARGET_SIZE,
    new PrivatePackMemory(TARGET_SIZE),
    createOpenPacks(),
  );
  const ids: string[] = [];
  const found: string[] = [];
  for (let number = 0; number < 150; number++) {
    const blob = numbered(number);
    ids.push(Buffer.from(blob.id).toString("hex"));
    const { length, finished } = packs.add(blob);
    expect(length).toBe(100_032);
    if (finished === undefined) continue;
    expect(finished.bytes.length).toBeGreaterThanOrEqual(TARGET_SIZE);
    found.push(...readPack(finished));
    packs.release(finished);
  }

  const rest = packs.finish();
  found.push(...rest.flatMap(readPack));

  expect(found.sort()).toEqual(ids.sort());
  expect(packs.finish()).toEqual([]);
});

test("OpenPacks sends each blob to one of two packs by chance", () => {
  const packs = new OpenPacks(
    key,
    TARGET_SIZE,
    new PrivatePackMemory(TARGET_SIZE),
    createOpenPacks(),
  );
  const order: string[] = [];
  for (let number = 0; number < 64; number++) {
    const blob = numbered(number, 100);
    order.push(Buffer.from(blob.id).toString("hex"));
    packs.add(blob);
  }

  const [pack, ...others] = packs.finish().map(readPack);

  expect(others).toEqual([]);
  // What was in the other pack comes last, so the order is another with a chance of all but 2^-57.
  expect(pack).not.toEqual(order);
  expect(pack?.toSorted()).toEqual(order.sort());
});

test("OpenPacks uses no block of the key stream twice", () => {
  const packs = new OpenPacks(
    key,
    TARGET_SIZE,
    new PrivatePackMemory(TARGET_SIZE),
    createOpenPacks(),
  );
  for (let number = 0; number < 20; number++) packs.add(numbered(number, 1000 + number));
  const used = new Set<string>();
  let blocks = 0;
  for (const { bytes, header } of packs.finish()) {
    for (const { offset, length } of decodePackHeader(header)) {
      const iv = BigInt(`0x${Buffer.from(bytes.subarray(offset, offset + 16)).toString("hex")}`);
      for (let block = 0; block < Math.ceil((length - 32) / 16); block++, blocks++) {
        used.add(String(iv + BigInt(block)));
      }
    }
  }

  expect(blocks).toBeGreaterThan(1000);
  expect(used.size).toBe(blocks);
});

test("OpenPacks gives a blob that is too long for common packs one of its own", () => {
  const packs = new OpenPacks(
    key,
    TARGET_SIZE,
    new PrivatePackMemory(TARGET_SIZE),
    createOpenPacks(),
  );
  const blob = numbered(1, 20 << 20);

  const { finished } = packs.add(blob);

  expect(finished && readPack(finished)).toEqual([Buffer.from(blob.id).toString("hex")]);
  expect(packs.finish()).toEqual([]);
});

test("OpenPacks is filled by several threads at once", async () => {
  const shared = { memory: createPackMemory(4, TARGET_SIZE), open: createOpenPacks() };
  const packs = new OpenPacks(key, TARGET_SIZE, new PackMemoryPool(shared.memory), shared.open);
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    const { url, key, shared, targetSize, first } = workerData;
    const { OpenPacks } = await import(url + "open-packs.ts");
    const { PackMemoryPool } = await import(url + "pack-memory.ts");
    const { sha256 } = await import(url + "../crypto/sha256.ts");
    const memory = new PackMemoryPool(shared.memory);
    const packs = new OpenPacks(key, targetSize, memory, shared.open);
    for (let number = first; number < first + 3000; number++) {
      const stored = new Uint8Array(1000 + number % 20000);
      new DataView(stored.buffer).setUint32(0, number);
      const blob = { type: "data", id: sha256(stored), stored, uncompressedLength: 0 };
      const { finished } = packs.add(blob);
      if (finished !== undefined) parentPort.postMessage(finished);
    }`;
  const url = new URL(".", import.meta.url).href;
  const found: string[] = [];
  const threads = [0, 10_000, 20_000].map((first) => {
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      workerData: { url, key, shared, targetSize: TARGET_SIZE, first },
    });
    worker.on("message", (pack: FinishedPack) => {
      found.push(...readPack(pack));
      packs.release(pack);
    });
    return once(worker, "exit");
  });

  await Promise.all(threads);
  found.push(...packs.finish().flatMap(readPack));

  expect(found.length).toBe(9000);
  expect(new Set(found).size).toBe(9000);
});
