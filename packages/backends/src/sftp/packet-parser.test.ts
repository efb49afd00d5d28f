import fc from "fast-check";
import { expect, test } from "vitest";

import { encodePacket, string, uint32 } from "./packet.ts";
import { LONGEST_PACKET, PacketParser } from "./packet-parser.ts";

/** What came out, in order; data go to a place of 100 bytes for each id but 9. */
function parse(...pieces: Uint8Array[]): string[] {
  const seen: string[] = [];
  const places = new Map<number, Uint8Array>();
  const parser = new PacketParser({
    onPacket: (type, body) => seen.push(`${type}:${body.toString("hex")}`),
    placeFor(id) {
      const place = id === 9 ? undefined : new Uint8Array(100);
      if (place !== undefined) places.set(id, place);
      return place;
    },
    onData(id, length) {
      const bytes = places.get(id)?.subarray(0, length) ?? new Uint8Array(0);
      seen.push(`data ${id} ${length}:${Buffer.from(bytes).toString("hex")}`);
    },
  });
  for (const piece of pieces) parser.feed(piece);
  return seen;
}

const packets = [
  encodePacket(101, [uint32(7), uint32(0)]),
  encodePacket(103, [uint32(8), string(Buffer.from("abc"))]),
  encodePacket(103, [uint32(9), string(Buffer.from("nobody's"))]),
  encodePacket(103, [uint32(10), string("")]),
  encodePacket(105, []),
];
const found = ["101:0000000700000000", "data 8 3:616263", "data 9 8:", "data 10 0:", "105:"];

test("PacketParser finds the same packets however the bytes are cut", () => {
  const bytes = Buffer.concat(packets);

  expect(parse(bytes)).toEqual(found);
  expect(parse(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(found);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const pieces = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
      expect(parse(...pieces)).toEqual(found);
    }),
  );
});

test.each([
  ["no length", uint32(0)],
  ["a length beyond what is allowed", uint32(LONGEST_PACKET + 2)],
  ["text", Buffer.from("Welcome")],
  ["data without a length", encodePacket(103, [uint32(8)])],
  ["data with two lengths", encodePacket(103, [uint32(8), uint32(4), Buffer.from("abc")])],
])("PacketParser refuses %s", (_, bytes) => {
  expect(() => parse(Buffer.concat([bytes, Buffer.alloc(10)]))).toThrow("SFTP protocol");
});

test("PacketParser keeps its hands off a place that it is told to forget", () => {
  const place = new Uint8Array(4);
  let isDone = false;
  const parser = new PacketParser({
    onPacket: () => undefined,
    placeFor: () => place,
    onData: () => (isDone = true),
  });
  const packet = encodePacket(103, [uint32(8), string(Uint8Array.of(1, 2, 3, 4))]);

  parser.feed(packet.subarray(0, -2));
  parser.forget(8);
  parser.feed(packet.subarray(-2));

  expect([...place]).toEqual([1, 2, 0, 0]);
  expect(isDone).toBe(true);
});
