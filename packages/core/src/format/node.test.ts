import { describe, expect, test } from "vitest";
import type { Node, NodeHead } from "./node.ts";
import { decodeNode, encodeNode, encodeNodeHead, encodeNodeTail } from "./node.ts";
import { parseJson } from "./json.ts";

const ID = "0123456789abcdef".repeat(4);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (text: string): Node => decodeNode(parseJson(text));

const head: NodeHead = {
  name: bytes("empty"),
  type: "file",
  mode: 8389101,
  mtime: "2026-11-20T10:00:00.5Z",
  atime: "2026-11-20T10:00:00.5Z",
  ctime: "2026-11-20T10:00:00.25+01:00",
  uid: 0,
  gid: 0,
  user: "root",
  group: "root",
  inode: 2320176n,
  deviceId: 65024n,
  size: 0,
  links: 1,
  linkTarget: undefined,
  extendedAttributes: [],
  genericAttributes: undefined,
  device: 0n,
};
const node: Node = { ...head, content: [], subtree: undefined, error: "", extra: {} };

const TIMES =
  '"mtime":"2026-11-20T10:00:00.5Z","atime":"2026-11-20T10:00:00.5Z","ctime":"2026-11-20T10:00:00.25+01:00"';

test("encodeNode() writes an empty file as restic does", () => {
  expect(encodeNode(node)).toBe(
    `{"name":"empty","type":"file","mode":8389101,${TIMES},"uid":0,"gid":0,"user":"root","group":"root",` +
      `"inode":2320176,"device_id":65024,"links":1,"content":[]}`,
  );
});

test("encodeNodeHead() ends with the comma before the content, and encodeNodeTail() continues", () => {
  const start = encodeNodeHead(head);

  expect(start.endsWith('"links":1,')).toBe(true);
  expect(start + encodeNodeTail([])).toBe(encodeNode(node));
  expect(encodeNodeTail([ID, ID])).toBe(`"content":["${ID}","${ID}"]}`);
  expect(encodeNodeTail(null, ID)).toBe(`"content":null,"subtree":"${ID}"}`);
  expect(encodeNodeTail(null, undefined, "<gone>")).toBe(
    '"content":null,"error":"\\u003cgone\\u003e"}',
  );
});

test("encodeNode() leaves out what Go omits, and only that", () => {
  const bare: Node = {
    ...node,
    mode: 0,
    user: "",
    group: "",
    inode: 0n,
    deviceId: 0n,
    links: 0,
    content: null,
  };

  expect(encodeNode(bare)).toBe(
    `{"name":"empty","type":"file",${TIMES},"uid":0,"gid":0,"content":null}`,
  );
});

test("encodeNode() writes every field in restic's order, unknown ones last", () => {
  const full: Node = {
    ...node,
    size: 5,
    linkTarget: bytes("t"),
    extendedAttributes: [
      { name: "user.a<b>", value: Uint8Array.of(0, 255) },
      { name: "user.empty", value: new Uint8Array() },
      { name: "user.nil", value: null },
    ],
    genericAttributes: { "windows.b": 32, "windows.a": "x" },
    device: 2049n,
    content: [ID],
    subtree: ID,
    error: "e",
    extra: { label: [1] },
  };
  const text = encodeNode(full);

  expect(text.slice(text.indexOf('"inode"'))).toBe(
    '"inode":2320176,"device_id":65024,"size":5,"links":1,"linktarget":"t","extended_attributes":[' +
      '{"name":"user.a\\u003cb\\u003e","value":"AP8="},{"name":"user.empty","value":""},{"name":"user.nil","value":null}],' +
      `"generic_attributes":{"windows.a":"x","windows.b":32},"device":2049,"content":["${ID}"],"subtree":"${ID}",` +
      '"error":"e","label":[1]}',
  );
  const { genericAttributes, ...rest } = decode(text);
  expect({ ...rest, genericAttributes }).toEqual(full);
});

describe("a link target that is not valid UTF-8", () => {
  const target = Uint8Array.from("bad\xfftarget", (character) => character.charCodeAt(0));

  test("is written twice: as text with \\ufffd and as base64", () => {
    expect(encodeNode({ ...node, linkTarget: target })).toContain(
      '"links":1,"linktarget":"bad\\ufffdtarget","linktarget_raw":"YmFk/3RhcmdldA==","content"',
    );
  });

  test("gets one \\ufffd for each invalid byte, and keeps a U+FFFD of its own", () => {
    expect(
      encodeNode({ ...node, linkTarget: Uint8Array.of(0xc0, 0xaf, 0xef, 0xbf, 0xbd) }),
    ).toContain('"linktarget":"\\ufffd\\ufffd\ufffd","linktarget_raw":"wK/vv70="');
  });

  test("is read from the base64", () => {
    expect(decode('{"linktarget":"x","linktarget_raw":"YmFk/3RhcmdldA=="}').linkTarget).toEqual(
      target,
    );
  });
});

test("decodeNode() tells a file without a content list from an empty one", () => {
  expect(decode('{"name":"a","type":"file"}').content).toBeNull();
  expect(decode('{"name":"a","type":"file","content":null}').content).toBeNull();
  expect(decode('{"name":"a","type":"file","content":[]}').content).toEqual([]);
});

test("decodeNode() takes Go's zero time for a missing one", () => {
  expect(decode("{}").mtime).toBe("0001-01-01T00:00:00Z");
});

test.each([
  ['{"name":"a\\"b"}', "name"],
  ['{"name":1}', "name"],
  ['{"type":1}', "type"],
  ['{"mode":4294967296}', "mode"],
  ['{"mode":-1}', "mode"],
  ['{"mtime":"yesterday"}', "mtime"],
  ['{"atime":1}', "atime"],
  ['{"ctime":"2021-02-29T00:00:00Z"}', "ctime"],
  ['{"uid":4294967296}', "uid"],
  ['{"gid":1.5}', "gid"],
  ['{"user":1}', "user"],
  ['{"group":[]}', "group"],
  ['{"inode":18446744073709551616}', "inode"],
  ['{"device_id":-1}', "device_id"],
  ['{"size":9007199254740993}', "size"],
  ['{"links":"1"}', "links"],
  ['{"linktarget":1}', "linktarget"],
  ['{"linktarget_raw":"*"}', "linktarget_raw"],
  ['{"extended_attributes":{}}', "extended_attributes"],
  ['{"extended_attributes":[1]}', "tree"],
  ['{"extended_attributes":[{"name":"a","value":"*"}]}', "value"],
  ['{"generic_attributes":[]}', "generic_attributes"],
  ['{"device":18446744073709551616}', "device"],
  ['{"content":["ab"]}', "content"],
  ['{"content":[null]}', "content"],
  ['{"content":{}}', "content"],
  [`{"subtree":"${ID}0"}`, "subtree"],
  ['{"error":1}', "error"],
  ["[]", "object"],
])("decodeNode() refuses %s", (text, where) => {
  expect(() => decode(text)).toThrow(
    expect.objectContaining({ code: "corrupt", message: expect.stringContaining(where) as string }),
  );
});
