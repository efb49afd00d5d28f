import fc from "fast-check";
import { expect, test } from "vitest";
import { portableSha256 } from "./portable-hashes.ts";
import { Sha256Stream, sha256, sha256Hex, sha256Into } from "./sha256.ts";

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("sha256Hex() makes the digests of FIPS 180-2 appendix B", () => {
  expect(sha256Hex(Buffer.from("abc"))).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  expect(sha256Hex(new Uint8Array(0))).toBe(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});

test("all forms and the portable hash agree on random input", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
      const digest = toHex(portableSha256(bytes));
      const out = new Uint8Array(50);
      const stream = new Sha256Stream();

      sha256Into(bytes, out, 11);
      stream.update(bytes.subarray(0, 100));
      stream.update(bytes.subarray(100));

      expect(toHex(sha256(bytes))).toBe(digest);
      expect(sha256Hex(bytes)).toBe(digest);
      expect(toHex(out)).toBe(`${"00".repeat(11)}${digest}${"00".repeat(7)}`);
      expect(stream.digestHex()).toBe(digest);
    }),
  );
});

test("sha256() takes a view of shared memory", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(100)).subarray(10, 13);
  shared.set(Buffer.from("abc"));

  expect(sha256Hex(shared)).toBe(sha256Hex(Buffer.from("abc")));
});

test("sha256() returns a plain array, not a Buffer", () => {
  expect(Object.getPrototypeOf(sha256(new Uint8Array(1)))).toBe(Uint8Array.prototype);
});

test("sha256Into() throws without room", () => {
  expect(() => sha256Into(new Uint8Array(1), new Uint8Array(40), 9)).toThrow(RangeError);
  expect(() => sha256Into(new Uint8Array(1), new Uint8Array(40), -1)).toThrow(RangeError);
});
