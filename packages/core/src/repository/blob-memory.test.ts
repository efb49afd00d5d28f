import { describe, expect, test } from "vitest";
import { loadZstd } from "../compress/zstd.ts";
import { generateMasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { Sealer } from "../crypto/sealer.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { DIRECT_BLOCK } from "../fs/direct-write.ts";
import { BlobMemory } from "./blob-memory.ts";

const key = generateMasterKey();
const zstd = await loadZstd();
const sealer = new Sealer(key);
const memory = new BlobMemory(new Opener(key), zstd);
const contents = (length: number): Uint8Array => new Uint8Array(length).map((_, at) => at >> 3);

describe("BlobMemory", () => {
  test.each([0, 1, 100_000, 1 << 20, 8 << 20, 9 << 20])(
    "opens a blob of %i bytes anywhere in a block, and moves it",
    (length) => {
      const plain = contents(length);
      const id = sha256Hex(plain);
      for (const shift of [0, 1, DIRECT_BLOCK - 1]) {
        const stored = memory.open(sealer.seal(plain), 0, id, shift);
        expect(stored.byteOffset).toBe(shift);
        expect(Buffer.compare(stored, plain)).toBe(0);

        const moved = memory.move(stored, DIRECT_BLOCK - 1 - shift);
        expect(moved.byteOffset).toBe(DIRECT_BLOCK - 1 - shift);
        expect(Buffer.compare(moved, plain)).toBe(0);

        if (length === 0) continue;
        const compressed = memory.open(sealer.seal(zstd.compress(plain, 3)), length, id, shift);
        expect(Buffer.compare(compressed, plain)).toBe(0);
      }
    },
  );

  test("refuses contents with another hash", () => {
    const sealed = sealer.seal(contents(1000));

    expect(() => memory.open(sealed, 0, sha256Hex(contents(999)))).toThrow("another hash");
  });

  test("refuses sealed bytes that are too short", () => {
    expect(() => memory.open(new Uint8Array(10), 0, "ab")).toThrow("only 10 are left");
  });
});
