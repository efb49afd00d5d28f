import { describe, expect, test } from "vitest";
import { loadZstd } from "../compress/zstd.ts";
import { generateMasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { Sealer } from "../crypto/sealer.ts";
import { loadGroupHasher, singleHasher } from "../crypto/sha256-group.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { DIRECT_BLOCK, LEAST_DIRECT } from "../fs/direct-write.ts";
import { BlobGroups, moveOpened, type SealedBlob } from "./blob-group.ts";

const key = generateMasterKey();
const zstd = await loadZstd();
const sealer = new Sealer(key);
/** Of no length, short, at the limit, of a group, and longer than any group or kept memory. */
const lengths = [3, 0, LEAST_DIRECT - 1, 100, LEAST_DIRECT, 1 << 20, 4 << 20, 7, 10 << 20, 1 << 20];
const shifts = [0, 1, 100, DIRECT_BLOCK - 1];

const made = new Map<number, Uint8Array>();

/** The same bytes each time; to be left as they are. */
function contents(length: number): Uint8Array {
  const bytes = made.get(length) ?? new Uint8Array(length).map((_, at) => (at >> 3) + length);
  made.set(length, bytes);
  return bytes;
}

function sealed(length: number, shift: number, isCompressed: boolean): SealedBlob {
  const plain = contents(length);
  const bytes = isCompressed ? zstd.compress(plain, 1) : plain;
  return {
    sealed: sealer.seal(bytes),
    uncompressedLength: isCompressed ? length : 0,
    id: sha256Hex(plain),
    shift,
  };
}

/** The numbers of the blobs that cannot be opened; all others are as they should be. */
function damagedOf(groups: BlobGroups, blobs: readonly SealedBlob[]): number[] {
  const damaged: number[] = [];
  let count = 0;
  groups.open(blobs, (opened, at) => {
    expect(at).toBe(count++);
    if (!(opened instanceof Uint8Array)) damaged.push(at);
    else expect(Buffer.compare(opened, contents(lengths[at] as number))).toBe(0);
  });
  expect(count).toBe(blobs.length);
  return damaged;
}

describe.each([singleHasher, loadGroupHasher()])("BlobGroups with the hasher $name", (hasher) => {
  const groups = new BlobGroups(new Opener(key), zstd, hasher);

  test.each([true, false])("open() gives all contents in their order; compressed: %s", (zip) => {
    const blobs = lengths.map((length, at) => sealed(length, at, zip && length > 0));

    expect(damagedOf(groups, blobs)).toEqual([]);
  });

  test("open() tells damaged blobs from those beside them", () => {
    const blobs = lengths.map((length, at) => sealed(length, at, length > 1000));
    const flip = (at: number): void => {
      const { sealed: bytes } = blobs[at] as SealedBlob;
      bytes[20] = (bytes[20] as number) ^ 1;
    };
    flip(2);
    flip(8);
    blobs[3] = { ...(blobs[3] as SealedBlob), sealed: new Uint8Array(5) };
    blobs[4] = { ...(blobs[4] as SealedBlob), id: "ab".repeat(32) };
    blobs[9] = { ...(blobs[9] as SealedBlob), uncompressedLength: (1 << 20) - 1 };

    expect(damagedOf(groups, blobs)).toEqual([2, 3, 4, 8, 9]);
  });

  test("open() refuses a length that no blob has", () => {
    const blobs = [sealed(3, 0, false), { ...sealed(0, 0, true), uncompressedLength: 2 ** 40 }];

    expect(damagedOf(groups, blobs)).toEqual([1]);
  });

  test.each([LEAST_DIRECT, 1 << 20, 10 << 20])("moveOpened() moves %i bytes", (length) => {
    for (const shift of shifts) {
      groups.open([sealed(200, 0, false), sealed(length, shift, true)], (opened, at) => {
        if (at === 0 || !(opened instanceof Uint8Array)) return;
        expect(opened.byteOffset % DIRECT_BLOCK).toBe(shift);
        let moved = opened;
        for (const to of shifts) {
          moved = moveOpened(moved, to);
          expect(moved.byteOffset % DIRECT_BLOCK).toBe(to);
          expect(Buffer.compare(moved, contents(length))).toBe(0);
        }
      });
    }
    expect.assertions(2 * shifts.length * shifts.length + shifts.length);
  });

  test("moveOpened() leaves short contents where they are", () => {
    groups.open([sealed(LEAST_DIRECT - 1, 0, false)], (opened) => {
      const plain = opened as Uint8Array<ArrayBuffer>;
      expect(moveOpened(plain, 17)).toBe(plain);
    });
    expect.assertions(1);
  });
});
