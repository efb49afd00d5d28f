import * as fc from "fast-check";
import { expect, test } from "vitest";
import { codePointAt, quoteName, unquoteName } from "./go-quote.ts";

const corrupt: unknown = expect.objectContaining({ code: "corrupt" });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin1 = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

// Format section 18, confirmed with restic 0.19.1; the lines after the empty name come from Go 1.26.
test.each([
  [latin1('quo"te\\back'), 'quo\\\\\\"te\\\\\\\\back'],
  [latin1("nl\ntab\tbell\x07"), "nl\\\\ntab\\\\tbell\\\\a"],
  [latin1("inv\xff\xfealid"), "inv\\\\xff\\\\xfealid"],
  [latin1("html<&>"), "html\\u003c\\u0026\\u003e"],
  [bytes("\u2028"), "\\\\u2028"],
  [bytes("\x7f\u0080\u00a0"), "\\\\x7f\\\\u0080\\\\u00a0"],
  [bytes("\ue000"), "\\\\ue000"],
  [bytes("emoji 😀 \ufffd"), "emoji 😀 \ufffd"],
  [latin1(""), ""],
  [latin1("it's"), "it's"],
  [latin1("\b\f\r\v\x00\x1f"), "\\\\b\\\\f\\\\r\\\\v\\\\x00\\\\x1f"],
  [latin1("\xed\xa0\x80"), "\\\\xed\\\\xa0\\\\x80"],
  [latin1("\xc0\x80"), "\\\\xc0\\\\x80"],
  [latin1("\xf4\x90\x80\x80"), "\\\\xf4\\\\x90\\\\x80\\\\x80"],
  [latin1("\xe2\x82"), "\\\\xe2\\\\x82"],
  [bytes("\uffff\u{e0001}\u{10ffff}"), "\\\\uffff\\\\U000e0001\\\\U0010ffff"],
  [bytes("\u00ad\u200d\u3000"), "\\\\u00ad\\\\u200d\\\\u3000"],
  // Assigned in Unicode 16 and 17: Node knows them, Go 1.26 does not.
  [bytes("\u088f\u{1fae9}\u{13460}"), "\\\\u088f\\\\U0001fae9\\\\U00013460"],
])("quoteName(%j) gives what restic writes, and unquoteName() takes it back", (name, text) => {
  expect(quoteName(name)).toBe(text);
  expect(unquoteName(JSON.parse(`"${text}"`) as string)).toEqual(name);
});

test("quoteName() and unquoteName() keep any bytes", () => {
  const name = fc.oneof(fc.uint8Array(), fc.string({ unit: "binary" }).map(bytes));
  fc.assert(
    fc.property(name, (raw) => {
      expect(unquoteName(JSON.parse(`"${quoteName(raw)}"`) as string)).toEqual(new Uint8Array(raw));
    }),
    { numRuns: 1000 },
  );
});

test("unquoteName() takes octal escapes and hex in capitals", () => {
  expect(unquoteName("\\101\\377\\x4A\\u00E9\\U0001F600")).toEqual(
    latin1("A\xffJ\xc3\xa9\xf0\x9f\x98\x80"),
  );
});

test.each([
  '"',
  "a\nb",
  "\\'",
  "\\",
  "\\q",
  "\\x4",
  "\\xg0",
  "\\12",
  "\\400",
  "\\8",
  "\\u12",
  "\\ud800",
  "\\U00110000",
  "\\Uffffffff",
  "é\\",
])("unquoteName() refuses %j, as Go does", (text) => {
  expect(() => unquoteName(text)).toThrow(corrupt);
});

test("codePointAt() agrees with the platform's decoder on what is valid UTF-8", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 4 }), (raw) => {
      let text: string | undefined;
      for (let length = 1; length <= raw.length && text === undefined; length++) {
        try {
          text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
            raw.subarray(0, length),
          );
        } catch {
          text = undefined;
        }
      }
      expect(codePointAt(raw, 0)).toBe(text?.codePointAt(0) ?? -1);
    }),
    { numRuns: 5000 },
  );
});
