import { describe, expect, test } from "vitest";
import { looksLikeText } from "./text.ts";

const line = "2026-11-21 10:00:00 daemon[17]: started, level=info\tok\r\n";

describe("looksLikeText()", () => {
  test.each([0, 1, 100, 2048, 2049, 5000, 1 << 20])("takes %i bytes of text for text", (size) => {
    expect(looksLikeText(Buffer.alloc(size, line))).toBe(true);
  });

  test("allows a few letters outside ASCII", () => {
    expect(looksLikeText(Buffer.from(`${line}grün\n`.repeat(1000)))).toBe(true);
  });

  test.each([10, 2048, 100_000])("does not take %i other bytes for text", (size) => {
    expect(looksLikeText(new Uint8Array(size))).toBe(false);
    expect(looksLikeText(Uint8Array.from({ length: size }, (_, at) => at * 37))).toBe(false);
  });

  test("does not take a binary with a text at its start for text", () => {
    const mixed = Buffer.alloc(100_000);
    mixed.write(line.repeat(200));
    expect(looksLikeText(mixed)).toBe(false);
  });
});
