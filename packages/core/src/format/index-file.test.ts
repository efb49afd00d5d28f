import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, toHex } from "../bytes/hex.ts";
import type { IndexSink } from "./index-file.ts";
import { decodeIndex, encodeIndex, type IndexedPack } from "./index-file.ts";
import { scanIndex } from "./index-scan.ts";
import type { PackEntry } from "./pack-header.ts";

interface Pack {
  id: string;
  entries: PackEntry[];
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (raw: Uint8Array): string => new TextDecoder().decode(raw);

/** Keeps what it is given, with copies of the ids. */
class Collector implements IndexSink {
  readonly packs: Pack[] = [];

  pack(id: Uint8Array): void {
    this.packs.push({ id: toHex(id), entries: [] });
  }

  blob(
    type: PackEntry["type"],
    id: Uint8Array,
    offset: number,
    length: number,
    uncompressedLength: number,
  ): void {
    this.packs.at(-1)?.entries.push({ type, id: id.slice(), offset, length, uncompressedLength });
  }
}

function decode(raw: Uint8Array): Pack[] {
  const collector = new Collector();
  decodeIndex(raw, collector);
  return collector.packs;
}

const P1 = "a1".repeat(32);
const P2 = "b2".repeat(32);
const B1 = "0123456789abcdef".repeat(4);
const B2 = "fedcba9876543210".repeat(4);
const packs: Pack[] = [
  {
    id: P1,
    entries: [
      { type: "data", id: fromHex(B1), offset: 150, length: 38, uncompressedLength: 0 },
      { type: "tree", id: fromHex(B2), offset: 0, length: 150, uncompressedLength: 4294967295 },
    ],
  },
  {
    id: P2,
    entries: [{ type: "data", id: fromHex(B2), offset: 10, length: 42, uncompressedLength: 100 }],
  },
];
const REAL =
  `{"packs":[{"id":"${P1}","blobs":[{"id":"${B1}","type":"data","offset":150,"length":38},` +
  `{"id":"${B2}","type":"tree","offset":0,"length":150,"uncompressed_length":4294967295}]},` +
  `{"id":"${P2}","blobs":[{"id":"${B2}","type":"data","offset":10,"length":42,"uncompressed_length":100}]}]}\n`;

test("encodeIndex() writes what restic writes, and decodeIndex() reads it", () => {
  expect(text(encodeIndex(packs))).toBe(REAL);
  expect(text(encodeIndex(packs.map((pack) => ({ ...pack, id: fromHex(pack.id) }))))).toBe(REAL);
  expect(decode(bytes(REAL))).toEqual(packs);
});

test("scanIndex() reads the real form itself, with or without the newline", () => {
  expect(scanIndex(bytes(REAL), new Collector())).toBe(5);
  expect(scanIndex(bytes(REAL.trimEnd()), new Collector())).toBe(5);
});

test("encodeIndex() takes packs one by one, but no more than was said", () => {
  const oneByOne = (): Iterable<IndexedPack> => packs.values();
  const blobs = packs.reduce((sum, pack) => sum + pack.entries.length, 0);
  const size = { packs: packs.length, blobs };

  expect(text(encodeIndex(oneByOne(), { packs: 100, blobs: 1000 }))).toBe(REAL);
  expect(text(encodeIndex(oneByOne(), size))).toBe(REAL);
  expect(() => encodeIndex(oneByOne(), { packs: 0, blobs: 0 })).toThrow(RangeError);
});

test("encodeIndex() and decodeIndex() keep any index", () => {
  const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => new Uint8Array(raw));
  const entry: fc.Arbitrary<PackEntry> = fc.record({
    type: fc.constantFrom("data" as const, "tree" as const),
    id,
    offset: fc.integer({ min: 0, max: 0x7fff_ffff }),
    length: fc.integer({ min: 0, max: 0x7fff_ffff }),
    uncompressedLength: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff_ffff })),
  });
  const pack = fc.record({
    id: id.map((raw) => toHex(raw)),
    entries: fc.array(entry, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.array(pack, { maxLength: 4 }), (any) => {
      expect(decode(encodeIndex(any))).toEqual(any);
      expect(decode(bytes(` ${text(encodeIndex(any))}`))).toEqual(any);
    }),
  );
});

test.each([
  ["spaces", REAL.replaceAll(",", ", ")],
  ["other orders", REAL.replace(`"id":"${B1}","type":"data"`, `"type":"data","id":"${B1}"`)],
  ["keys and digits in capitals", REAL.replace(`"id":"${P2}"`, `"ID":"${P2.toUpperCase()}"`)],
  ["supersedes of old restic", REAL.replace('{"packs"', `{"supersedes":["${B1}"],"packs"`)],
  [
    "time and size of rustic",
    REAL.replace(/\]\}/g, '],"time":"2026-01-01T00:00:00Z","size":300}').replace(/\}\n$/, "}"),
  ],
  [
    "packs_to_delete of rustic",
    REAL.replace(/\]\}\n$/, `],"packs_to_delete":[{"id":"${B1}","blobs":[]}]}`),
  ],
  ["an explicit zero", REAL.replace('"length":38}', '"length":38,"uncompressed_length":0}')],
  ["an unknown field in the last blob", REAL.replace('_length":100', '_length":100,"new":[1]')],
])("decodeIndex() reads an index with %s, and gives every entry once", (_, input) => {
  expect(input).not.toBe(REAL);
  expect(decode(bytes(input))).toEqual(packs);
});

test("decodeIndex() reads an index without packs, and a pack without blobs", () => {
  expect(decode(bytes('{"packs":[]}\n'))).toEqual([]);
  expect(decode(bytes('{"packs":null}\n'))).toEqual([]);
  expect(decode(bytes("{}"))).toEqual([]);
  expect(decode(bytes(`{"packs":[{"id":"${P1}","blobs":null}]}`))).toEqual([
    { id: P1, entries: [] },
  ]);
});

test.each([
  ["nothing", ""],
  ["a cut file", REAL.slice(0, -20)],
  ["bytes after the end", `${REAL}x`],
  ["a short pack id", REAL.replace(P1, P1.slice(2))],
  ["no pack id", REAL.replace(`"id":"${P1}",`, "")],
  ["a blob id of other letters", REAL.replace(B1, `g${B1.slice(1)}`)],
  ["an unknown type", REAL.replace("tree", "wood")],
  ["no type", REAL.replace('"type":"tree",', "")],
  ["an offset of 33 bits", REAL.replace('"offset":150', '"offset":4294967296')],
  ["an offset of very many bits", REAL.replace('"offset":150', `"offset":${"9".repeat(400)}`)],
  ["a negative offset", REAL.replace('"offset":150', '"offset":-150')],
  ["an offset with a leading zero", REAL.replace('"offset":150', '"offset":0150')],
  ["a fraction", REAL.replace('"length":38', '"length":38.5')],
  ["a blob that ends beyond 4 GiB", REAL.replace('"offset":150', '"offset":4294967290')],
  ["an uncompressed length of 33 bits", REAL.replace("4294967295", "4294967296")],
  ["packs twice", REAL.replace(/\}\n$/, ',"packs":[]}')],
  ["blobs that are no list", REAL.replace(/"blobs":\[/, '"blobs":{').replace("]},", "}},")],
  ["deep nesting", `{"packs":${"[".repeat(100_000)}`],
])("decodeIndex() refuses %s", (_, input) => {
  expect(input).not.toBe(REAL);
  expect(() => decode(bytes(input))).toThrow(expect.objectContaining({ code: "corrupt" }));
});

test("decodeIndex() does not know the array form of restic 0.1", () => {
  expect(() => decode(bytes(`[{"id":"${P1}","blobs":[]}]`))).toThrow(
    expect.objectContaining({ code: "unsupported" }),
  );
});

test.each<[string, Pack]>([
  ["a short pack id", { ...packs[0]!, id: "ab" }],
  ["a short blob id", { id: P1, entries: [{ ...packs[0]!.entries[0]!, id: new Uint8Array(31) }] }],
  ["a fraction", { id: P1, entries: [{ ...packs[0]!.entries[0]!, offset: 0.5 }] }],
  ["33 bits", { id: P1, entries: [{ ...packs[0]!.entries[0]!, length: 2 ** 32 }] }],
])("encodeIndex() refuses %s", (_, pack) => {
  expect(() => encodeIndex([pack])).toThrow(RangeError);
});
