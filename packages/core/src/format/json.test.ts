import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "./json.ts";
import {
  MAX_JSON_DEPTH,
  encodeExtra,
  encodeJson,
  parseJson,
  parseJsonBytes,
  quoteJson,
} from "./json.ts";

const corrupt: unknown = expect.objectContaining({ name: "TsbakError", code: "corrupt" });
// Forces the exact parser, which only works where an integer is long.
const exact = (text: string): string => `[9007199254740993,${text}]`;

test("parseJson() keeps integers beyond 2^53 exactly", () => {
  const value = parseJson('{"inode":18446744073709551615,"small":42,"negative":-9007199254740993}');

  expect(value).toEqual({ inode: 18446744073709551615n, small: 42, negative: -9007199254740993n });
});

test("parseJson() gives a number for a long integer that is still exact, and for floats", () => {
  expect(parseJson("[9007199254740991,1234567890123456.5,1e300,-0.5]")).toEqual([
    9007199254740991, 1234567890123456.5, 1e300, -0.5,
  ]);
});

test("parseJson() is not misled by digits inside strings", () => {
  expect(parseJson('{"id":":12345678901234567890"}')).toEqual({ id: ":12345678901234567890" });
});

describe("the exact parser", () => {
  test("agrees with JSON.parse on any value", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const plain = JSON.parse(text) as unknown;
        const value = parseJson(exact(text)) as JsonValue[];
        // fast-check does not make integers beyond 2^53, but floats without a fraction look like them.
        expect(JSON.parse(encodeJson(value[1] ?? null))).toEqual(plain);
      }),
    );
  });

  test.each([
    "",
    "{",
    "[1,]",
    "[1 2]",
    '{"a"}',
    '{"a":1,}',
    "{a:1}",
    "01",
    "+1",
    ".5",
    "1.",
    "1e",
    "nul",
    "tru",
    '"a',
    '"\\x"',
    '"\n"',
    '"\\',
    "1]x",
    "\u00a01",
    "9".repeat(50),
  ])("and JSON.parse both refuse %j", (text) => {
    expect(() => parseJson(exact(text))).toThrow(corrupt);
    if (!/^9+$/.test(text)) expect(() => parseJson(text)).toThrow(corrupt);
  });

  test("keeps a key named __proto__ as a key", () => {
    const value = parseJson('{"__proto__":12345678901234567890}');

    expect(Object.entries(value as object)).toEqual([["__proto__", 12345678901234567890n]]);
  });
});

test("parseJson() refuses deep nesting in both parsers", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

  expect(() => parseJson(nested(MAX_JSON_DEPTH))).not.toThrow();
  expect(() => parseJson(nested(MAX_JSON_DEPTH + 1))).toThrow(corrupt);
  expect(() => parseJson(nested(1_000_000))).toThrow(corrupt);
  expect(() => parseJson(exact(nested(1_000_000)))).toThrow(corrupt);
});

test("parseJson() names the document and does not quote it", () => {
  expect(() => parseJson('{"secret', "master key")).toThrow(
    /^Cannot read master key: (?!.*secret)/,
  );
});

test("parseJsonBytes() turns invalid UTF-8 into U+FFFD and refuses a byte order mark", () => {
  expect(parseJsonBytes(Uint8Array.of(0x22, 0xff, 0x22))).toBe("\ufffd");
  expect(() => parseJsonBytes(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31))).toThrow(corrupt);
});

// Go 1.26: json.Marshal of the same strings.
test.each([
  ["plain é 😀 /\u007f", '"plain é 😀 /\u007f"'],
  ["<&>", '"\\u003c\\u0026\\u003e"'],
  ["\u2028\u2029", '"\\u2028\\u2029"'],
  ['"\\', '"\\"\\\\"'],
  ["\b\f\n\r\t", '"\\b\\f\\n\\r\\t"'],
  ["\u0000\u0007\u000b\u001f", '"\\u0000\\u0007\\u000b\\u001f"'],
  ["\ud800x\udc00", '"\\ufffdx\\ufffd"'],
  ["\ufffd", '"\ufffd"'],
])("quoteJson(%j) gives what Go gives", (text, quoted) => {
  expect(quoteJson(text)).toBe(quoted);
});

test("quoteJson() is undone by JSON.parse for any well-formed text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(JSON.parse(quoteJson(text))).toBe(text);
    }),
  );
});

test("encodeJson() writes no spaces, keeps the order of keys and prints big integers in full", () => {
  const value = { b: [1, null, true], a: { x: 18446744073709551615n, y: "<" }, c: 0.5 };

  expect(encodeJson(value)).toBe(
    '{"b":[1,null,true],"a":{"x":18446744073709551615,"y":"\\u003c"},"c":0.5}',
  );
});

test("encodeJson() refuses what is not a JSON number", () => {
  expect(() => encodeJson(Number.NaN)).toThrow(RangeError);
});

test("encodeExtra() puts a comma before each member", () => {
  expect(encodeExtra({})).toBe("");
  expect(encodeExtra({ a: 1, b: "x" })).toBe(',"a":1,"b":"x"');
});
