import { expect, test } from "vitest";
import { isPrintable } from "./printable.ts";

test("isPrintable() says what Go 1.26 says of single code points", () => {
  const printable = [
    0x20, 0x7e, 0xa1, 0xac, 0xae, 0xe9, 0x301, 0x20ac, 0xfffd, 0x1f600, 0x2ebe0, 0xe0100,
  ];
  const others = [
    0, 0x1f, 0x7f, 0x80, 0xa0, 0xad, 0x378, 0x200b, 0x2028, 0x3000, 0xd800, 0xe000, 0xfeff, 0xffff,
    0xe0001, 0x10ffff,
  ];

  expect(printable.filter((codePoint) => !isPrintable(codePoint))).toEqual([]);
  expect(others.filter(isPrintable)).toEqual([]);
});

test("isPrintable() differs from the platform only in characters newer than Unicode 15.0", () => {
  const letters = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
  let count = 0;
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    if (!isPrintable(codePoint)) continue;
    count++;
    if (!letters.test(String.fromCodePoint(codePoint)))
      throw new Error(`U+${codePoint.toString(16)} is not printable`);
  }

  // Counted with Go 1.26.8 over all code points.
  expect(count).toBe(148998);
});
