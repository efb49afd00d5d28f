import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { PackEntry } from "./pack-header.ts";
import {
  MAX_HEADER_SIZE,
  MAX_PACK_ENTRIES,
  decodePackHeader,
  decodePackTrailer,
  encodePackHeader,
  encodePackTrailer,
  packHeaderSize,
} from "./pack-header.ts";

const corrupt: unknown = expect.objectContaining({ code: "corrupt" });
const id = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const entries: PackEntry[] = [
  { type: "data", id: id(1), offset: 0, length: 100, uncompressedLength: 0 },
  { type: "tree", id: id(2), offset: 100, length: 0x1234, uncompressedLength: 0 },
  { type: "data", id: id(3), offset: 100 + 0x1234, length: 50, uncompressedLength: 0x01020304 },
  { type: "tree", id: id(4), offset: 150 + 0x1234, length: 32, uncompressedLength: 1 },
];
const ENCODED =
  `0064000000${"01".repeat(32)}` +
  `0134120000${"02".repeat(32)}` +
  `023200000004030201${"03".repeat(32)}` +
  `032000000001000000${"04".repeat(32)}`;

test("encodePackHeader() writes the four types as the format says, and decodePackHeader() reads them", () => {
  const header = encodePackHeader(entries);

  expect(hex(header)).toBe(ENCODED);
  expect(decodePackHeader(header)).toEqual(entries);
});

test("encodePackHeader() and decodePackHeader() keep any entries", () => {
  const entry = fc.record({
    type: fc.constantFrom("data" as const, "tree" as const),
    id: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => new Uint8Array(raw)),
    length: fc.integer({ min: 32, max: 0x0fff_ffff }),
    uncompressedLength: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 0xffff_ffff })),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 15 }), (parts) => {
      let offset = 0;
      const placed = parts.map((part) => {
        offset += part.length;
        return { ...part, offset: offset - part.length };
      });
      const header = encodePackHeader(placed);
      expect(header.length + 36).toBe(packHeaderSize(placed));
      expect(decodePackHeader(header)).toEqual(placed);
    }),
  );
});

test("packHeaderSize() gives sealed header and trailer, from entries or from counts", () => {
  expect(packHeaderSize([])).toBe(36);
  expect(packHeaderSize(entries)).toBe(36 + 2 * 37 + 2 * 41);
  expect(packHeaderSize({ compressed: 2, uncompressed: 2 })).toBe(36 + 2 * 37 + 2 * 41);
});

test("decodePackHeader() does not share memory with its input", () => {
  const header = encodePackHeader(entries);
  const decoded = decodePackHeader(header);
  header.fill(0);

  expect(decoded).toEqual(entries);
});

test("decodePackHeader() reads a header in the middle of a larger buffer", () => {
  const buffer = new Uint8Array(1000);
  const header = encodePackHeader(entries);
  buffer.set(header, 77);

  expect(decodePackHeader(buffer.subarray(77, 77 + header.length))).toEqual(entries);
});

test.each([
  ["an unknown type", `04${ENCODED.slice(2)}`],
  ["a cut entry", ENCODED.slice(0, -2)],
  ["a single byte", "00"],
  ["a blob shorter than its seal", `001f000000${"01".repeat(32)}`],
  ["a compressed blob of no length", `022000000000000000${"01".repeat(32)}`],
  ["blobs that exceed 4 GiB", `00ffffffff${"01".repeat(32)}0020000000${"01".repeat(32)}`],
])("decodePackHeader() refuses %s", (_, encoded) => {
  expect(() => decodePackHeader(new Uint8Array(Buffer.from(encoded, "hex")))).toThrow(corrupt);
});

test("decodePackHeader() refuses a header of more than 16 MiB", () => {
  expect(() => decodePackHeader(new Uint8Array(MAX_HEADER_SIZE))).toThrow("it is too large");
});

test.each<[string, Partial<PackEntry>]>([
  ["a gap", { offset: 1 }],
  ["a short id", { id: new Uint8Array(31) }],
  ["a length below the seal", { length: 31 }],
  ["a length of 33 bits", { length: 2 ** 32 }],
  ["an uncompressed length of 33 bits", { uncompressedLength: 2 ** 32 }],
])("encodePackHeader() refuses %s", (_, change) => {
  expect(() => encodePackHeader([{ ...entries[0]!, ...change }])).toThrow(RangeError);
});

test("encodePackHeader() takes MAX_PACK_ENTRIES compressed entries and refuses one more", () => {
  const many = Array.from({ length: MAX_PACK_ENTRIES + 1 }, (_, number) => ({
    type: "data" as const,
    id: id(1),
    offset: number * 32,
    length: 32,
    uncompressedLength: 1,
  }));

  expect(() => encodePackHeader(many)).toThrow(RangeError);
  expect(
    encodePackHeader(many.slice(1).map((entry) => ({ ...entry, offset: entry.offset - 32 })))
      .length,
  ).toBeLessThan(MAX_HEADER_SIZE);
});

test("encodePackTrailer() and decodePackTrailer() agree on the end of a pack", () => {
  expect(encodePackTrailer(0x01020304)).toEqual(Uint8Array.of(4, 3, 2, 1));
  expect(decodePackTrailer(Uint8Array.of(9, 9, 69, 0, 0, 0), 1000)).toBe(69);
});

test.each([
  ["less than a seal", encodePackTrailer(31), 1000],
  ["more than the pack has", encodePackTrailer(997), 1000],
  ["more than 16 MiB", encodePackTrailer(MAX_HEADER_SIZE + 1), 2 ** 31],
  ["in too few bytes", Uint8Array.of(69, 0, 0), 1000],
])("decodePackTrailer() refuses a header size of %s", (_, trailer, packSize) => {
  expect(() => decodePackTrailer(trailer, packSize)).toThrow(corrupt);
});
