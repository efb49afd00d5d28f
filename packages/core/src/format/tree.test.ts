import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes } from "../bytes/compare.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { parseJson } from "./json.ts";
import type { ExtendedAttribute, Node } from "./node.ts";
import { decodeNode, encodeNode } from "./node.ts";
import { formatTime } from "./time.ts";
import { scanLinks } from "./tree-links.ts";
import { EMPTY_TREE, decodeTree, encodeTree, joinTree } from "./tree.ts";

const corrupt: unknown = expect.objectContaining({ code: "corrupt" });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (raw: Uint8Array): string => new TextDecoder().decode(raw);

/** Any 64 hex digits. */
const anyId: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));

/** Any time that can be stored. */
const anyTime: fc.Arbitrary<string> = fc
  .record({
    seconds: fc.integer({ min: -62_167_132_800, max: 253_402_214_400 }),
    nanoseconds: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
    offsetSeconds: fc.integer({ min: -840, max: 840 }).map((minutes) => minutes * 60),
  })
  .map(formatTime);

/** Any fields that a foreign program may have added. */
const anyExtra: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.constant<JsonObject>({}),
  fc.dictionary(
    fc.string().map((key) => `x_${key.toLowerCase()}`),
    fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constantFrom<JsonValue>(2n ** 64n - 1n, null, { deep: [true] }),
    ),
    { maxKeys: 3, noNullPrototype: true },
  ),
);

const anyUint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyUint64 = fc.oneof(
  fc.constant(0n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 999n }),
);
const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes));
const anyName = fc.oneof(
  anyBytes,
  fc.string({ unit: "binary" }).map((text) => new Uint8Array(new TextEncoder().encode(text))),
  fc.stringMatching(/^[a-z.]{1,12}$/).map((text) => new Uint8Array(new TextEncoder().encode(text))),
);
const anyText = fc.oneof(fc.constantFrom("", "root", "a\\b", '<"é'), fc.string({ unit: "binary" }));

/** Any node that decodes to an equal one. */
const anyNode: fc.Arbitrary<Node> = fc.record({
  name: anyName,
  type: fc.constantFrom("file", "dir", "symlink", "dev", "chardev", "fifo", 'odd"'),
  mode: anyUint32,
  mtime: anyTime,
  atime: anyTime,
  ctime: anyTime,
  uid: anyUint32,
  gid: anyUint32,
  user: anyText,
  group: anyText,
  inode: anyUint64,
  deviceId: anyUint64,
  size: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  links: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  linkTarget: fc.option(
    anyName.filter((name) => name.length > 0),
    { nil: undefined },
  ),
  extendedAttributes: fc.oneof(
    fc.constant<ExtendedAttribute[]>([]),
    fc.array(fc.record({ name: anyText, value: fc.option(anyBytes) }), { maxLength: 3 }),
  ),
  genericAttributes: fc.constantFrom<JsonObject | undefined>(undefined, {
    "windows.file_attributes": 32,
    "windows.raw": "AA==",
  }),
  device: anyUint64,
  content: fc.option(fc.array(anyId, { maxLength: 4 })),
  subtree: fc.option(anyId, { nil: undefined }),
  error: fc.constantFrom("", "failed"),
  extra: anyExtra,
});

const anyTree = fc
  .uniqueArray(anyNode, {
    maxLength: 8,
    selector: (node) => Buffer.from(node.name).toString("hex"),
  })
  .map((nodes) => nodes.sort((a, b) => compareBytes(a.name, b.name)));

// Written by restic 0.19.1, inode numbers and times replaced.
const ID = "f2e7db71a9ad7b4f6ff9c1fbbbec7f4b24e4a8b0b7a8e3a9ab1c9fb1f8d1d2e3";
const META =
  '"mtime":"1970-01-01T00:00:07.010001Z","atime":"1969-12-31T23:59:58.0010001Z","ctime":"2026-11-21T04:40:07.3+05:30","uid":0,"gid":0,"user":"root","group":"root","inode":18446744073709551615,"device_id":65024';
const REAL =
  '{"nodes":[' +
  [
    `{"name":"\\\\x01\\\\v\\\\f\\\\x1f","type":"file","mode":420,${META},"size":10,"links":1,"content":["${ID}"]}`,
    `{"name":"blk","type":"dev","mode":67109284,${META},"links":1,"device":2049,"content":null}`,
    `{"name":"fifo","type":"fifo","mode":33554852,${META},"content":null}`,
    `{"name":"html\\u003c\\u0026\\u003e","type":"file","mode":12583405,${META},"links":1,"content":[]}`,
    `{"name":"plain","type":"file","mode":420,${META},"size":8,"links":1,"extended_attributes":[{"name":"user.e","value":""}],"content":["${ID}","${ID}"]}`,
    `{"name":"sl1","type":"symlink","mode":134218239,${META},"links":1,"linktarget":"bad\\ufffdtarget","linktarget_raw":"YmFk/3RhcmdldA==","content":null}`,
    `{"name":"sl2","type":"symlink","mode":134218239,${META},"links":1,"linktarget":"../good","content":null}`,
    `{"name":"sub","type":"dir","mode":2148532735,${META},"content":null,"subtree":"${ID}"}`,
  ].join(",") +
  "]}\n";

test("decodeTree() and encodeTree() give back the bytes of a real tree", () => {
  const nodes = decodeTree(bytes(REAL));

  expect(text(encodeTree(nodes))).toBe(REAL);
  expect(nodes.map((node) => text(node.name))).toEqual([
    "\x01\v\f\x1f",
    "blk",
    "fifo",
    "html<&>",
    "plain",
    "sl1",
    "sl2",
    "sub",
  ]);
  expect(nodes[0]).toMatchObject({
    inode: 18446744073709551615n,
    size: 10,
    content: [ID],
    subtree: undefined,
  });
  expect(nodes[1]).toMatchObject({ device: 2049n, content: null });
  expect(nodes[5]?.linkTarget).toEqual(
    Uint8Array.from("bad\xfftarget", (character) => character.charCodeAt(0)),
  );
  expect(nodes[7]).toMatchObject({ mode: 2148532735, subtree: ID, links: 0 });
});

test("EMPTY_TREE is what restic writes for an empty directory", () => {
  expect(text(EMPTY_TREE)).toBe('{"nodes":[]}\n');
  expect(decodeTree(EMPTY_TREE)).toEqual([]);
});

test("encodeNode() and decodeNode() keep any node", () => {
  fc.assert(
    fc.property(anyNode, (any) => {
      expect(decodeNode(parseJson(encodeNode(any)))).toEqual(any);
    }),
    { numRuns: 500 },
  );
});

test("encodeTree() and decodeTree() keep any tree", () => {
  fc.assert(
    fc.property(anyTree, (nodes) => {
      expect(decodeTree(encodeTree(nodes))).toEqual(nodes);
    }),
    { numRuns: 200 },
  );
});

test("decodeTree() reads the scanned form and any other form of the same tree alike", () => {
  fc.assert(
    fc.property(anyTree, (nodes) => {
      const plain = text(encodeTree(nodes));
      expect(decodeTree(bytes(` ${plain}`))).toEqual(decodeTree(bytes(plain)));
      expect(
        decodeTree(bytes(`{"version":1,"NODES":${plain.slice(9, -2)},"x":{"nodes":1}}`)),
      ).toEqual(nodes);
    }),
    { numRuns: 200 },
  );
});

test("encodeTree() refuses nodes that do not ascend by raw name", () => {
  const named = (name: string): Node => ({ ...decodeNode({}), name: bytes(name) });

  expect(() => encodeTree([named("b"), named("a")])).toThrow("assumed");
  expect(() => encodeTree([named("a"), named("a")])).toThrow("assumed");
  // By bytes U+FFFF comes before U+10000, by UTF-16 units after it.
  expect(() => encodeTree([named("\uffff"), named("\u{10000}")])).not.toThrow();
});

test("joinTree() puts together what encodeNode() wrote", () => {
  const nodes = decodeTree(bytes(REAL));

  expect(text(joinTree(nodes.map(encodeNode)))).toBe(REAL);
});

test("decodeTree() takes field orders, spaces and unknown fields of other programs, and keeps the fields", () => {
  const [node] = decodeTree(
    bytes('{"nodes":[{ "type":"file", "label":{"a}":"]"}, "name":"n", "content":[] }]}'),
  );

  expect(node).toMatchObject({
    type: "file",
    name: bytes("n"),
    content: [],
    extra: { label: { "a}": "]" } },
  });
});

test("decodeTree() takes no nodes for an empty tree", () => {
  expect(decodeTree(bytes('{"nodes":null}'))).toEqual([]);
  expect(decodeTree(bytes("{}"))).toEqual([]);
});

test("decodeTree() does not share memory with its input", () => {
  const input = bytes(REAL);
  const nodes = decodeTree(input);
  input.fill(0);

  expect(text(encodeTree(nodes))).toBe(REAL);
});

test("decodeTree() gives an error or a tree, and nothing else, for a tree cut or damaged anywhere", () => {
  const real = bytes(REAL);
  for (let at = 0; at < real.length - 1; at++) {
    expect(() => decodeTree(real.subarray(0, at))).toThrow(corrupt);
    const damaged = real.slice();
    damaged[at] = 0x7d;
    try {
      decodeTree(damaged);
    } catch (error) {
      expect(error).toEqual(corrupt);
    }
  }
});

test.each([
  ["", "nothing"],
  ["[]", "an array"],
  ['{"nodes":{}}', "nodes that are no array"],
  ['{"nodes":[1]}', "a node that is no object"],
  ['{"nodes":[{"name":"a"}}', "a missing bracket"],
  ['{"nodes":[{"name":"a"},]}', "a comma too many"],
  ['{"nodes":[]}\n\n{}', "bytes after the end"],
  ['{"nodes":[{"name":"\\\\\'"}]}', "a name that Go refuses"],
  [`{"nodes":[{"name":"a","x":${"[".repeat(100_000)}`, "deep nesting"],
])("decodeTree() refuses %j: %s", (input) => {
  expect(() => decodeTree(bytes(input))).toThrow(corrupt);
});

/** What `scanLinks` passes on, each id with what it is; undefined if it refuses the tree. */
function linksOf(tree: Uint8Array): string[] | undefined {
  const links: string[] = [];
  const add = (kind: string, id: Uint8Array): boolean =>
    links.push(`${kind} ${Buffer.from(id).toString("hex")}`) > 0;
  const sink = {
    content: (id: Uint8Array) => add("content", id),
    subtree: (id: Uint8Array) => add("subtree", id),
  };
  return scanLinks(tree, sink) ? links : undefined;
}

/** The same as `decodeTree` finds it; undefined for a tree with anything that verifying has to look at. */
function linksOfNodes(tree: Uint8Array): string[] | undefined {
  const links: string[] = [];
  for (const { type, name, content, subtree } of decodeTree(tree)) {
    if (name.length === 0) return undefined;
    if (type === "file" && content !== null) links.push(...content.map((id) => `content ${id}`));
    else if (type === "dir" && subtree !== undefined) links.push(`subtree ${subtree}`);
    else if (type !== "symlink") return undefined;
  }
  return links;
}

const plainTree = encodeTree(
  (["file", "dir", "symlink"] as const).map((type, at) => ({
    ...decodeNode({ name: `n${at}`, type, mode: 420, uid: 1000, user: "a", size: 9, links: 1 }),
    mtime: "2024-02-29T23:59:59.123456789+05:45",
    atime: "1969-12-31T00:00:00Z",
    ctime: "0001-01-01T00:00:00Z",
    content: type === "file" ? ["ab".repeat(32), "00".repeat(32)] : null,
    subtree: type === "dir" ? "cd".repeat(32) : undefined,
    linkTarget: type === "symlink" ? bytes("n0") : undefined,
  })),
);

test("scanLinks() passes on the ids of a plain tree in their order", () => {
  expect(linksOf(plainTree)).toEqual([
    `content ${"ab".repeat(32)}`,
    `content ${"00".repeat(32)}`,
    `subtree ${"cd".repeat(32)}`,
  ]);
  expect(linksOf(EMPTY_TREE)).toEqual([]);
});

test("scanLinks() ends when the sink says so", () => {
  const sink = { content: () => false, subtree: () => true };

  expect(scanLinks(plainTree, sink)).toBe(false);
});

test("scanLinks() says of no tree what decodeTree() does not say", () => {
  const edits = fc.array(fc.tuple(fc.nat({ max: plainTree.length - 1 }), fc.nat({ max: 255 })), {
    minLength: 1,
    maxLength: 2,
  });
  fc.assert(
    fc.property(edits, (changes) => {
      const changed = plainTree.slice();
      for (const [at, value] of changes) changed[at] = value;
      const links = linksOf(changed);

      if (links !== undefined) expect(links).toEqual(linksOfNodes(changed));
    }),
    { numRuns: 20_000 },
  );
});

test("scanLinks() says of any nodes what decodeTree() says, or nothing", () => {
  fc.assert(
    fc.property(anyNode, (node) => {
      const tree = encodeTree([node]);
      const links = linksOf(tree);

      if (links !== undefined) expect(links).toEqual(linksOfNodes(tree));
    }),
  );
});
