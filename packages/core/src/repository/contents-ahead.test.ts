import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { BlobIndex } from "./blob-index.ts";
import { ContentsAhead } from "./contents-ahead.ts";

const MIB = 1 << 20;
const PACK = randomBytes(14 * MIB);
const NAME = sha256Hex(PACK);
let store: FaultyBackend;
let index: BlobIndex;
let ahead: ContentsAhead;

beforeEach(async () => {
  const memory = new MemoryBackend();
  await memory.write({ kind: "pack", name: NAME }, PACK);
  store = new FaultyBackend(memory);
  index = new BlobIndex();
  ahead = new ContentsAhead(store, index);
});

/** A file of blobs of this length, which lie at these places in a pack. */
function fileOf(length: number, offsets: readonly number[], pack = NAME): { content: string[] } {
  const content = offsets.map((offset) => {
    const id = randomBytes(32);
    const place = { offset, length, uncompressedLength: 0 };
    index.add("data", id, 0, index.packNumber(pack), place);
    return id.toString("hex");
  });
  return { content };
}

function everyMib(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => (first + n) * MIB);
}

async function read(offset: number, length: number): Promise<Uint8Array | undefined> {
  return await ahead.read(NAME, { offset, length }, { into: new ArrayBuffer(length + 5) });
}

describe("ContentsAhead", () => {
  test("fetches what lies together, in parts, and gives each until its end", async () => {
    ahead.note([fileOf(MIB, everyMib(0, 7)), fileOf(MIB, everyMib(7, 5))]);

    const bytes = await read(4 * MIB, 2 * MIB);

    expect(Buffer.compare(bytes ?? PACK, PACK.subarray(4 * MIB, 6 * MIB))).toBe(0);
    expect(await read(5 * MIB, MIB)).toBeUndefined();
    expect(await read(6 * MIB, MIB)).toHaveLength(MIB);
    expect(await read(11 * MIB, 2 * MIB)).toBeUndefined();
    expect(store.calls.map(({ size }) => size)).toEqual([6 * MIB, 6 * MIB]);
    const part = ahead.partAt(NAME, 6 * MIB);
    expect(part).toBeDefined();
    expect(ahead.partAt(NAME, 12 * MIB - 1)).toBe(part);
    expect(ahead.partAt(NAME, 12 * MIB)).toBeUndefined();
  });

  test("is not led astray by some contents that lie elsewhere", async () => {
    const places = [0, 1, 2, 13, 3, 4, 12, 5].map((place) => place * MIB);
    ahead.note([fileOf(MIB, places)]);

    expect(await read(0, 6 * MIB)).toHaveLength(6 * MIB);
  });

  test("fetches nothing that is not much, or lies apart", async () => {
    ahead.note([fileOf(MIB, everyMib(0, 5))]);
    ahead.note([fileOf(64 << 10, everyMib(0, 14), "ab".repeat(32))]);
    ahead.note([{ content: null }, { content: ["cd".repeat(32)] }]);

    expect(await read(0, MIB)).toBeUndefined();
    expect(store.calls).toEqual([]);
  });

  test("fetches no more than so much, and nothing when it was cleared", async () => {
    for (let pack = 0; pack < 9; pack++) {
      const name = String(pack).repeat(64);
      ahead.note([fileOf(MIB, everyMib(0, 6), name)]);
    }
    await expect.poll(() => store.calls.length).toBe(5);
    ahead.clear();
    ahead.note([fileOf(MIB, everyMib(0, 6))]);

    expect(await read(0, MIB)).toBeUndefined();
    expect(store.calls).toHaveLength(5);
  });

  test("has nothing of what could not be fetched", async () => {
    store.on({ method: "read" }, { type: "fail", error: "unavailable" });
    ahead.note([fileOf(MIB, everyMib(0, 6))]);

    expect(await read(0, MIB)).toBeUndefined();
  });
});
