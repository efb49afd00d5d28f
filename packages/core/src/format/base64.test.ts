import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fromBase64, toBase64 } from "./base64.ts";

test("toBase64() and fromBase64() keep any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (raw) => {
      expect(fromBase64(toBase64(raw))).toEqual(new Uint8Array(raw));
    }),
  );
});

test.each(["A", "AB", "ABC", "A===", "AB=C", "AB-_", "AB==\n", " AB="])(
  "fromBase64() refuses %j",
  (text) => {
    expect(fromBase64(text)).toBeUndefined();
  },
);
