import fc from "fast-check";
import { expect, test } from "vitest";
import { addToCounter } from "./counter.ts";
import { defaultPrimitives, portablePrimitives } from "./primitives.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const both = [defaultPrimitives, portablePrimitives];

test("poly1305() makes the tag of RFC 8439 section 2.5.2", () => {
  const key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");

  for (const { poly1305 } of both) {
    const tag = new Uint8Array(16);
    poly1305(tag, Buffer.from("Cryptographic Forum Research Group"), key);
    expect(toHex(tag)).toBe("a8061dc1305136c6c22b8baf0c0127a9");
  }
});

test("counterMode() makes the ciphertext of NIST SP 800-38A F.5.5", () => {
  const key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  const start = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  const plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");

  for (const { counterMode } of both) {
    const cipher = counterMode(key)(start);
    expect(toHex(cipher(plain))).toBe(
      "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
    );
  }
});

test("blockCipher() makes the ciphertext of FIPS 197 C.1, time after time", () => {
  for (const { blockCipher } of both) {
    const cipher = blockCipher(hex("000102030405060708090a0b0c0d0e0f"));
    for (let time = 0; time < 3; time++) {
      const block = cipher(hex("00112233445566778899aabbccddeeff"));
      expect(toHex(block)).toBe("69c4e0d86a7b0430d8cdb78070b4c55a");
    }
  }
});

test("default and portable primitives agree on random input", () => {
  fc.assert(
    fc.property(
      bytesOf(32),
      bytesOf(16),
      fc.array(fc.uint8Array({ maxLength: 200 })),
      (key, start, pieces) => {
        const [a, b] = both.map((primitives) => {
          const stream = primitives.counterMode(key)(start);
          const tag = new Uint8Array(16);
          primitives.poly1305(tag, Buffer.concat(pieces), key);
          const block = primitives.blockCipher(key.subarray(0, 16))(start);
          return [...pieces.map((piece) => toHex(stream(piece))), toHex(tag), toHex(block)];
        });
        expect(a).toEqual(b);
      },
    ),
  );
});

test("both streams wrap the counter of 128 bits to zero", () => {
  const start = new Uint8Array(16).fill(0xff);
  start[15] = 0xfe;
  const [a, b] = both.map((primitives) =>
    toHex(primitives.counterMode(new Uint8Array(32).fill(1))(start)(new Uint8Array(100))),
  );

  expect(a).toBe(b);
});

test("addToCounter() counts as one number of 128 bits", () => {
  fc.assert(
    fc.property(bytesOf(16), fc.integer({ min: 0, max: 2 ** 40 }), (counter, blocks) => {
      const sum = BigInt(`0x${toHex(counter)}`) + BigInt(blocks);
      addToCounter(counter, blocks);
      expect(BigInt(`0x${toHex(counter)}`)).toBe(BigInt.asUintN(128, sum));
    }),
  );
  const last = new Uint8Array(16).fill(0xff);
  addToCounter(last, 1);
  expect(last).toEqual(new Uint8Array(16));
});
