import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { loadZstd } from "../../compress/zstd.ts";
import { Opener } from "../../crypto/opener.ts";
import { loadGroupHasher, singleHasher } from "../../crypto/sha256-group.ts";
import { encodeTree } from "../../format/tree.ts";
import { SharedIndexView } from "../../repository/shared-index.ts";
import { fileNode, TestingRepository } from "../../testing/sample-repository.ts";
import { checkPack, type PackTools } from "./check-pack.ts";
import { PackMap } from "./pack-map.ts";
import { Scratch } from "./scratch.ts";
import type { PackBytes, VerifyResult, VerifyTask } from "./verify-protocol.ts";

const OTHER_NAME = "0f".repeat(32);

interface PackWithoutHasher {
  readonly bytes: Uint8Array;
  readonly tools: Omit<PackTools, "hasher">;
  readonly task: Omit<VerifyTask, "bytes">;
}

/** A pack of more than one group: many small blobs, blobs that fill a group alone, and a tree. */
async function createPack({ isTwice }: { isTwice: boolean }): Promise<PackWithoutHasher> {
  const testing = await TestingRepository.create();
  const sizes = [...Array.from({ length: 50 }, (_, at) => at * 37), 5 << 20, 3 << 20, 2 << 20, 100];
  const data = sizes.map((size) => ({ type: "data" as const, plain: randomBytes(size) }));
  const tree = { type: "tree" as const, plain: encodeTree([fileNode("a", [data[3]!.plain])]) };
  const pack = await testing.addPack([...data, tree]);
  await testing.addIndex(isTwice ? [pack, { ...pack, id: OTHER_NAME }] : [pack]);
  const index = await testing.repository.loadIndex();
  const scratch = { sealed: new Scratch(), stored: new Scratch(), plain: new Scratch() };
  const opener = new Opener(testing.repository.masterKey);
  return {
    bytes: await testing.backend.read({ kind: "pack", name: pack.id }),
    tools: {
      index: new SharedIndexView(index.share()),
      opener,
      zstd: await loadZstd(),
      compareNames: false,
      notesPacks: false,
      ...scratch,
    },
    task: { name: pack.id, entries: new PackMap(index).entriesOf(index.packNumber(pack.id)) },
  };
}

const once = await createPack({ isTwice: false });
const twice = await createPack({ isTwice: true });

/** With what it is to be checked with. Its bytes are those of all tests. */
function packFor(hasher: PackTools["hasher"], { bytes, tools, task } = once) {
  return { bytes, tools: { ...tools, hasher }, task };
}

/** A pack where it can be read, and changed. */
interface PlacedPack {
  readonly bytes: PackBytes;
  readonly set: (at: number, byte: number) => void;
}

function inMemory(bytes: Uint8Array): PlacedPack {
  const memory = Uint8Array.from(bytes);
  return { bytes: { memory, start: 0 }, set: (at, byte) => void (memory[at] = byte) };
}

function inFile(bytes: Uint8Array, alignment = 1): PlacedPack {
  const folder = mkdtempSync(join(tmpdir(), "tsbak-pack-"));
  const path = join(folder, "pack");
  writeFileSync(path, bytes);
  const descriptor = openSync(path, alignment === 1 ? "r" : constants.O_RDONLY | O_DIRECT);
  const writable = openSync(path, "r+");
  onTestFinished(() => {
    closeSync(descriptor);
    closeSync(writable);
    rmSync(folder, { recursive: true });
  });
  const set = (at: number, byte: number): void =>
    void writeSync(writable, Uint8Array.of(byte), 0, 1, at);
  return { bytes: { descriptor, size: bytes.length, alignment }, set };
}

function isClean({ packFaults, damaged, treeFaults }: VerifyResult): boolean {
  return packFaults.length === 0 && damaged.length === 0 && treeFaults.length === 0;
}

/** 0 where the system has no such flag; then it is read as usual, in blocks. */
const O_DIRECT = (constants.O_DIRECT as number | undefined) ?? 0;
const DISK_BLOCK = 4096;
const HASHERS = [singleHasher, loadGroupHasher()];
const PLACES = [
  ["memory", inMemory],
  ["a file", (bytes: Uint8Array) => inFile(bytes)],
  ["a file that is read past the page cache", (bytes: Uint8Array) => inFile(bytes, DISK_BLOCK)],
] as const;

describe.each(HASHERS)("checkPack(), SHA-256 by $name", (hasher) => {
  for (const [place, put] of PLACES) {
    test(`finds a whole pack whole, and its tree, in ${place}`, () => {
      const { bytes, tools, task } = packFor(hasher);

      const result = checkPack({ ...task, bytes: put(bytes).bytes }, tools);

      expect(isClean(result)).toBe(true);
      expect([...result.trees]).toEqual([task.entries.at(-1), 0]);
    });

    test(`finds any flipped bit, by hash and by place, in ${place}`, () => {
      const { bytes, tools, task } = packFor(hasher);
      const { index } = tools;
      const placed = put(bytes);
      for (let round = 0; round < 30; round++) {
        const at = round < 3 ? bytes.length - 1 - round : Math.floor(Math.random() * bytes.length);
        const whole = bytes[at] as number;
        placed.set(at, whole ^ (1 << (round % 8)));

        const result = checkPack({ ...task, bytes: placed.bytes }, tools);

        placed.set(at, whole);
        const hit = [...task.entries].filter(
          (entry) =>
            at >= index.offsetAt(entry) && at < index.offsetAt(entry) + index.lengthAt(entry),
        );
        expect(result.packFaults, `byte ${at}`).toContain(
          "its bytes do not have the hash that names it",
        );
        expect(
          result.damaged.map(({ entry }) => entry),
          `byte ${at}`,
        ).toEqual(hit);
      }
    });

    test(`finds a pack that was cut or grew, in ${place}`, () => {
      const { bytes, tools, task } = packFor(hasher);
      const longer = Buffer.concat([bytes, randomBytes(10 << 20)]);
      const { length } = bytes;
      for (const size of [0, 3, 40, 6 << 20, length - 1, length + 1, longer.length]) {
        const result = checkPack({ ...task, bytes: put(longer.subarray(0, size)).bytes }, tools);

        expect(result.packFaults.length, `${size} bytes`).toBeGreaterThan(1);
        expect(result.damaged.length > 0, `${size} bytes`).toBe(size < length - 1);
      }
    });

    test(`reads single blobs only, where no name is given, in ${place}`, () => {
      const { bytes, tools, task } = packFor(hasher);
      const broken = Uint8Array.from(bytes).fill(0, 10_000, 20_000);
      const entries = task.entries.subarray(-2);

      const result = checkPack({ name: undefined, entries, bytes: put(broken).bytes }, tools);

      expect(isClean(result)).toBe(true);
      expect(result.trees).toHaveLength(2);
    });
  }

  test("finds that one of two packs of the same contents has a name that is not its hash", () => {
    const { bytes, tools, task } = packFor(hasher, twice);
    const other = { ...task, name: OTHER_NAME, bytes: inMemory(bytes).bytes };

    expect(isClean(checkPack({ ...task, bytes: inMemory(bytes).bytes }, tools))).toBe(true);
    expect(checkPack(other, tools).packFaults).toEqual([
      "its bytes do not have the hash that names it",
    ]);
  });

  test("finds a name that is not the hash though all seals fit, if that is wished", () => {
    const { bytes, tools, task } = packFor(hasher);
    const renamed = { ...task, name: OTHER_NAME };
    const check = (compareNames: boolean, checked: typeof task = renamed): VerifyResult =>
      checkPack({ ...checked, bytes: inMemory(bytes).bytes }, { ...tools, compareNames });

    expect(isClean(check(false))).toBe(true);
    expect(check(true).packFaults).toEqual(["its bytes do not have the hash that names it"]);
    expect(isClean(check(true, task))).toBe(true);
  });

  test("finds bytes between the last blob and the header", () => {
    const { bytes, tools, task } = packFor(hasher);
    const last = task.entries.at(-1) ?? 0;
    const end = tools.index.offsetAt(last) + tools.index.lengthAt(last);
    const padded = Buffer.concat([bytes.subarray(0, end), randomBytes(9), bytes.subarray(end)]);

    const { packFaults, damaged } = checkPack({ ...task, bytes: inMemory(padded).bytes }, tools);

    expect(packFaults[0]).toBe("its bytes do not have the hash that names it");
    expect(damaged).toEqual([]);
  });
});
