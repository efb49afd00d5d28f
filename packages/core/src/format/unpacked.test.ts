import { expect, test } from "vitest";
import { unpackedEncoding } from "./unpacked.ts";

test("unpackedEncoding() tells the encoding by the first byte", () => {
  expect(unpackedEncoding(Uint8Array.of())).toBe("empty");
  expect(unpackedEncoding(Uint8Array.of(0x02, 0x28))).toBe("zstd");
  expect(unpackedEncoding(new TextEncoder().encode("{}"))).toBe("json");
  expect(unpackedEncoding(new TextEncoder().encode("[]"))).toBe("json");
});

test.each([0x00, 0x01, 0x03, 0x20, 0x28, 0xff])("unpackedEncoding() refuses 0x%s", (byte) => {
  expect(() => unpackedEncoding(Uint8Array.of(byte))).toThrow(
    expect.objectContaining({ code: "corrupt" }),
  );
});
