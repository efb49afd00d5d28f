import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex } from "../bytes/hex.ts";
import { encodeNodeHead, encodeNodeTail, type NodeHead } from "../format/node.ts";
import { joinTree } from "../format/tree.ts";
import { formatTime } from "../format/time.ts";
import { goMode, nodeType } from "../fs/mode.ts";
import { ownAttributes, type OwnAttributesWish } from "../fs/own-attributes.ts";
import { OwnerNames } from "../fs/owners.ts";
import { deviceNumber, LITTLE, STATX, type StatxBuffer } from "../fs/statx.ts";
import { localOffsetSeconds } from "../fs/zone.ts";
import { BlobIndex } from "../repository/blob-index.ts";
import { NodeMatcher } from "./node-matcher.ts";

const KNOWN = ["11".repeat(32), "ab".repeat(32)];
const TREE = "cd".repeat(32);

const index = new BlobIndex();
for (const id of KNOWN) {
  const place = { offset: 0, length: 40, uncompressedLength: 0 };
  index.add("data", fromHex(id), 0, index.packNumber("00".repeat(32)), place);
}
const owners = new OwnerNames();

interface Entry {
  readonly name: string;
  readonly state: StatxBuffer;
  readonly head: NodeHead;
  readonly text: string;
}

const number = (most: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: most }));
const seconds = fc.oneof(
  fc.integer({ min: 1_700_000_000, max: 1_700_000_100 }),
  fc.integer({ min: -(2 ** 33), max: 2 ** 34 }),
);
const nanoseconds = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 999 }).map((n) => n * 1_000_000),
  fc.integer({ min: 0, max: 999_999_999 }),
);

/** Everything that statx says and an old tree has, of one entry. */
const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    name: fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map((bytes) => Buffer.from(bytes.map((byte) => byte || 1)).toString("latin1")),
    type: fc.constantFrom(0o100000, 0o100000, 0o040000, 0o120000),
    bits: fc.oneof(fc.constantFrom(0o755, 0o644), fc.integer({ min: 1, max: 0o7777 })),
    uid: number(2 ** 32 - 1),
    gid: number(2 ** 32 - 1),
    inode: fc.oneof(fc.bigInt(1n, 100n), fc.bigInt(1n, 2n ** 64n - 1n)),
    size: number(2 ** 50),
    links: fc.integer({ min: 1, max: 1000 }),
    minor: number(1 << 20),
    times: fc.array(fc.tuple(seconds, nanoseconds), { minLength: 3, maxLength: 3 }),
    ids: fc.array(fc.constantFrom(...KNOWN), { maxLength: 3 }),
    withAttributes: fc.boolean(),
  })
  .map(makeEntry);

type Values = {
  readonly name: string;
  readonly type: number;
  readonly bits: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: bigint;
  readonly size: number;
  readonly links: number;
  readonly minor: number;
  readonly times: readonly (readonly [number, number])[];
  readonly ids: readonly string[];
  readonly withAttributes: boolean;
};

function makeEntry(values: Values): Entry {
  const head = headOf(values);
  const isDirectory = head.type === "dir";
  const ids = head.size > 0 && values.ids.length === 0 ? [KNOWN[0] as string] : values.ids;
  const tail = encodeNodeTail(head.type === "file" ? ids : null, isDirectory ? TREE : undefined);
  return { name: values.name, state: stateOf(values), head, text: encodeNodeHead(head) + tail };
}

function stateOf(values: Values): StatxBuffer {
  const state: StatxBuffer = new DataView(new ArrayBuffer(STATX.size));
  state.setUint16(STATX.mode, values.type | values.bits, LITTLE);
  state.setUint32(STATX.uid, values.uid, LITTLE);
  state.setUint32(STATX.gid, values.gid, LITTLE);
  state.setBigUint64(STATX.inode, values.inode, LITTLE);
  state.setBigUint64(STATX.bytes, BigInt(values.size), LITTLE);
  state.setUint32(STATX.links, values.links, LITTLE);
  state.setUint32(STATX.devMajor, 8, LITTLE);
  state.setUint32(STATX.devMinor, values.minor, LITTLE);
  [STATX.mtime, STATX.ctime, STATX.atime].forEach((offset, at) => {
    const [whole, fraction] = values.times[at] as readonly [number, number];
    state.setBigInt64(offset, BigInt(whole), LITTLE);
    state.setUint32(offset + 8, fraction, LITTLE);
  });
  return state;
}

function headOf(values: Values): NodeHead {
  const mode = values.type | values.bits;
  const type = nodeType(mode);
  const [mtime, ctime] = values.times.map(([whole, fraction]) =>
    formatTime({
      seconds: whole,
      nanoseconds: fraction,
      offsetSeconds: localOffsetSeconds(whole),
    }),
  ) as [string, string];
  const value = Buffer.from("x");
  return {
    name: Buffer.from(values.name, "latin1"),
    type,
    mode: goMode(mode),
    mtime,
    atime: mtime,
    ctime,
    uid: values.uid,
    gid: values.gid,
    user: owners.user(values.uid),
    group: owners.group(values.gid),
    inode: values.inode,
    deviceId: deviceNumber(8, values.minor),
    size: type === "file" ? values.size : 0,
    links: type === "dir" ? 0 : values.links,
    linkTarget: type === "symlink" ? Buffer.from("../target") : undefined,
    extendedAttributes: values.withAttributes ? [{ name: "user.a", value }] : [],
    genericAttributes: undefined,
    device: 0n,
  };
}

const NOTHING_OWN: OwnAttributesWish = { withBirthTime: false, withInodeFlags: false };

function createMatcher(wish: OwnAttributesWish = NOTHING_OWN): NodeMatcher {
  return new NodeMatcher({ index, owners, withAtime: false, ...wish });
}

/** What a matcher says of each entry in turn, up to the first no. */
function matchAll(entries: readonly Entry[], tree: Uint8Array): boolean {
  const matcher = createMatcher();
  if (!matcher.open(tree)) return false;
  return entries.every(({ name, state }) => matcher.match(name, state)) && matcher.isExhausted;
}

const treeOf = (entries: readonly Entry[]): Uint8Array => joinTree(entries.map((one) => one.text));
/** Sizes and inodes of 16 digits are left to the usual comparison. */
const isCommon = ({ head }: Entry): boolean => head.size < 1e15 && head.inode < 10n ** 15n;

describe("NodeMatcher", () => {
  test("finds what was written for the same state, and where its parts are", () => {
    fc.assert(
      fc.property(
        fc.array(anyEntry.filter(isCommon), { minLength: 1, maxLength: 5 }),
        (entries) => {
          const tree = treeOf(entries);
          const matcher = createMatcher();
          expect(matcher.open(tree)).toBe(true);
          for (const { name, state, head, text } of entries) {
            expect(matcher.match(name, state)).toBe(true);
            const found = Buffer.from(tree.subarray(matcher.start, matcher.end)).toString();
            expect(found).toBe(text);
            const before = Buffer.from(tree.subarray(matcher.start, matcher.contentAt)).toString();
            expect(before).toBe(encodeNodeHead(head));
            expect(matcher.isFile).toBe(head.type === "file");
            const subtree = Buffer.from(tree).toString("latin1", matcher.subtreeAt).slice(0, 64);
            expect(head.type !== "dir" || subtree === TREE).toBe(true);
            expect(matcher.subtreeAt > 0).toBe(head.type === "dir");
          }
          expect(matcher.isExhausted).toBe(true);
        },
      ),
    );
  });

  test("says yes to another state only if the very same text would be written for it", () => {
    fc.assert(
      fc.property(anyEntry, anyEntry, fc.array(fc.boolean(), { minLength: 64 }), (a, b, mix) => {
        // Some bytes of the one state, some of the other: states that differ in one field only are among them.
        const state: StatxBuffer = new DataView(a.state.buffer.slice(0));
        const bytes = new Uint8Array(state.buffer);
        const other = new Uint8Array(b.state.buffer);
        const field = mix.findIndex((one) => one) * 4;
        bytes.set(other.subarray(field, field + 4), field);
        const isSame = Buffer.compare(bytes, new Uint8Array(a.state.buffer)) === 0;
        const isMatched = matchAll([{ ...a, state }], treeOf([a]));
        // The access time is not stored, and directories and links store no size.
        const mayDiffer =
          (field >= STATX.atime && field < STATX.atime + 12) ||
          (a.head.type !== "file" && field >= STATX.bytes && field < STATX.bytes + 8) ||
          (a.head.type === "dir" && field === STATX.links);
        if (!isSame && !mayDiffer) expect(isMatched).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test("says no after any change of a byte of the tree that is not an attribute or a link's target", () => {
    fc.assert(
      fc.property(
        anyEntry.filter(isCommon),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (entry, n, flip) => {
          const tree = Buffer.from(treeOf([entry]));
          const text = tree.toString("latin1");
          const at = n % tree.length;
          tree[at] = (tree[at] as number) ^ flip;
          const free =
            /"linktarget":"[^"]*"|"extended_attributes":\[[^\]]*\]|(?<="subtree":").{64}/g;
          const isFree = [...text.matchAll(free)].some(
            ({ index: from, 0: part }) => at >= from && at < from + part.length,
          );
          if (!isFree) expect(matchAll([entry], tree)).toBe(false);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("wants the attributes of our own that it is asked for, and no others", () => {
    const anyWish = fc.record({ withBirthTime: fc.boolean(), withInodeFlags: fc.boolean() });
    const anyFlags = fc.constantFrom(0, 0x10, 0x20, 0x70, 0x80000);
    fc.assert(
      fc.property(
        anyEntry.filter(isCommon),
        anyWish,
        anyWish,
        seconds,
        anyFlags,
        (entry, ...rest) => {
          const [written, asked, birth, flags] = rest;
          const state: StatxBuffer = new DataView(entry.state.buffer.slice(0));
          state.setUint32(STATX.mask, 0xfff, LITTLE);
          state.setBigInt64(STATX.birth, BigInt(birth), LITTLE);
          state.setBigUint64(STATX.attributes, BigInt(flags), LITTLE);
          const genericAttributes = ownAttributes(state, written);
          const tail = entry.text.slice(encodeNodeHead(entry.head).length);
          const text = encodeNodeHead({ ...entry.head, genericAttributes }) + tail;

          const matcher = createMatcher(asked);
          matcher.open(joinTree([text]));

          const wanted = JSON.stringify(ownAttributes(state, asked));
          const isSame = wanted === JSON.stringify(genericAttributes);
          expect(matcher.match(entry.name, state)).toBe(isSame);
        },
      ),
    );
  });

  test("says no if the repository lacks a blob of the file", () => {
    const entry = fc.sample(
      anyEntry.filter((one) => one.head.type === "file" && one.head.size > 0 && isCommon(one)),
      { numRuns: 1, seed: 7 },
    )[0] as Entry;
    const text = entry.text
      .replace(KNOWN[0] as string, "22".repeat(32))
      .replace(KNOWN[1] as string, "22".repeat(32));
    expect(matchAll([entry], treeOf([entry]))).toBe(true);
    expect(matchAll([entry], treeOf([{ ...entry, text }]))).toBe(false);
  });
});
