import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadGroupHasher, ROOM_AFTER_MESSAGE, singleHasher } from "./sha256-group.ts";
import type { GroupHasher, MessageGroup } from "./sha256-group.ts";
import { padMessage } from "./sha256-pairs.ts";
import { SHA256_SIZE, sha256Hex } from "./sha256.ts";

const fastest = loadGroupHasher();
const hashers: [string, GroupHasher][] = [
  ["one by one", singleHasher],
  [`the fastest of this machine (${fastest.name})`, fastest],
];

/** The messages in one piece of memory whose other bytes are not zero. */
function groupOf(messages: readonly Uint8Array[]): MessageGroup {
  const size = messages.reduce((sum, { length }) => sum + length + ROOM_AFTER_MESSAGE, 0);
  const memory = new Uint8Array(size).fill(0xaa);
  let start = 0;
  const places = messages.map((message) => {
    memory.set(message, start);
    const place = { start, length: message.length };
    start += message.length + ROOM_AFTER_MESSAGE;
    return place;
  });
  return { memory, messages: places };
}

function digestsOf(count: number, run: (digests: Uint8Array) => void): string[] {
  const digests = new Uint8Array(count * SHA256_SIZE);
  run(digests);
  const hex = Buffer.from(digests).toString("hex");
  return Array.from({ length: count }, (_, at) => hex.slice(at * 64, (at + 1) * 64));
}

const messageLists = fc.array(fc.uint8Array({ maxLength: 700, size: "max" }), { maxLength: 12 });

describe.each(hashers)("GroupHasher, %s", (_, hasher) => {
  test("hash() gives every message the digest that it has alone", () => {
    fc.assert(
      fc.property(messageLists, (messages) => {
        const digests = digestsOf(messages.length, (out) => hasher.hash(groupOf(messages), out));

        expect(digests).toEqual(messages.map(sha256Hex));
      }),
    );
  });

  test("hash() leaves the messages as they are", () => {
    const messages = [0, 1, 55, 56, 63, 64, 65, 119, 120].map((n) => new Uint8Array(n).fill(n));
    const group = groupOf(messages);

    hasher.hash(group, new Uint8Array(messages.length * SHA256_SIZE));

    const kept = group.messages.map(({ start, length }) =>
      group.memory.slice(start, start + length),
    );
    expect(kept).toEqual(messages);
  });

  test("hashApart() gives the digests of messages side by side, and leaves their memory as it is", () => {
    const cuts = fc.array(fc.nat({ max: 700 }), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, (lengths) => {
        const memory = Uint8Array.from({ length: 8400 }, (_, at) => (at * 31) % 251);
        const before = memory.slice();
        let end = 0;
        const messages = lengths.map((length) => memory.subarray(end, (end += length)));

        const digests = hasher.hashApart(messages);

        const hex = digests.map((digest) => Buffer.from(digest).toString("hex"));
        expect(hex).toEqual(messages.map(sha256Hex));
        expect(memory).toEqual(before);
      }),
    );
  });
});

test("padMessage() counts the bits of messages beyond 4 GiB", () => {
  const memory = new Uint8Array(64).fill(0xaa);

  expect(padMessage(memory, 0, 3 * 2 ** 32 + 64)).toBe(1);

  expect(Buffer.from(memory).toString("hex")).toBe(`80${"00".repeat(55)}0000001800000200`);
});
