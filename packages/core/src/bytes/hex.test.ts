import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, isId, toHex } from "./hex.ts";

test("fromHex() gives back what toHex() was given, in either case of letters", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
      expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
    }),
  );
});

test("fromHex() refuses what is not an even number of hex digits", () => {
  for (const text of [
    "a",
    "abc",
    "0g",
    "g0",
    " 00",
    "0x00",
    "\u0130\u0131",
    "0\u0660",
    "-1",
    "zz",
  ]) {
    expect(() => fromHex(text), text).toThrow(RangeError);
  }
});

test("isId() accepts 64 lower-case digits only", () => {
  expect(isId("0a".repeat(32))).toBe(true);
  expect(isId("0A".repeat(32))).toBe(false);
  expect(isId("0a".repeat(31))).toBe(false);
  expect(isId("0a".repeat(32) + "\n")).toBe(false);
});
