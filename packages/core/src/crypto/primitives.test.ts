import fc from "fast-check";
import { expect, test } from "vitest";
import { addToCounter } from "./counter.ts";
import { loadNodePrimitives } from "./node-primitives.ts";
import { loadOpenssl } from "./openssl.ts";
import { portablePrimitives } from "./portable-primitives.ts";
import { defaultPrimitives } from "./primitives.ts";
import type { CryptoPrimitives } from "./primitives.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const openssl = loadOpenssl();
const nodePrimitives = loadNodePrimitives();
const all = [openssl, nodePrimitives, portablePrimitives].filter((one) => one !== undefined);

function encrypt(
  one: CryptoPrimitives,
  key: Uint8Array,
  counter: Uint8Array,
  bytes: Uint8Array,
): string {
  const out = new Uint8Array(bytes.length);
  one.counterMode(key)(counter, bytes, out);
  return toHex(out);
}

function encryptBlock(one: CryptoPrimitives, key: Uint8Array, block: Uint8Array): string {
  const out = new Uint8Array(20);
  one.blockCipher(key)(block, out, 4);
  return toHex(out.subarray(4));
}

test("defaultPrimitives are OpenSSL's where koffi can be loaded", () => {
  expect(defaultPrimitives.name).toBe(openssl?.name ?? nodePrimitives.name);
});

test("poly1305() makes the tag of RFC 8439 section 2.5.2", () => {
  const key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");

  for (const { poly1305 } of all) {
    const tag = new Uint8Array(16);
    poly1305(tag, Buffer.from("Cryptographic Forum Research Group"), key);
    expect(toHex(tag)).toBe("a8061dc1305136c6c22b8baf0c0127a9");
  }
});

test("counterMode() makes the ciphertext of NIST SP 800-38A F.5.5", () => {
  const key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  const start = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  const plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");

  for (const primitives of all) {
    expect(encrypt(primitives, key, start, plain), primitives.name).toBe(
      "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
    );
  }
});

test("blockCipher() makes the ciphertext of FIPS 197 C.1, time after time", () => {
  for (const { blockCipher } of all) {
    const cipher = blockCipher(hex("000102030405060708090a0b0c0d0e0f"));
    const out = new Uint8Array(16);
    for (let time = 0; time < 3; time++) {
      cipher(hex("00112233445566778899aabbccddeeff"), out, 0);
      expect(toHex(out)).toBe("69c4e0d86a7b0430d8cdb78070b4c55a");
    }
  }
});

test("all primitives agree on random input", () => {
  const message = fc.uint8Array({ maxLength: 3000 });
  fc.assert(
    fc.property(bytesOf(32), bytesOf(16), message, (key, block, bytes) => {
      const results = all.map((primitives) => {
        const tag = new Uint8Array(16);
        primitives.poly1305(tag, bytes, key);
        const stream = encrypt(primitives, key, block, bytes);
        return [stream, toHex(tag), encryptBlock(primitives, key.subarray(0, 16), block)];
      });
      for (const result of results) expect(result).toEqual(results[0]);
    }),
  );
});

test("all counters of 128 bits wrap to zero", () => {
  const start = new Uint8Array(16).fill(0xff);
  start[15] = 0xfe;
  const key = new Uint8Array(32).fill(1);
  const results = all.map((primitives) => encrypt(primitives, key, start, new Uint8Array(100)));

  expect(new Set(results).size).toBe(1);
});

test("one counter mode serves many messages, in place too, and throws without room", () => {
  for (const { counterMode } of all) {
    const apply = counterMode(new Uint8Array(32));
    const counter = new Uint8Array(16).fill(3);
    const [first, second] = [new Uint8Array(50), new Uint8Array(50)];
    apply(counter, new Uint8Array(50), first);
    apply(counter, new Uint8Array(0), first);
    apply(counter, second, second);

    expect(toHex(second)).toBe(toHex(first));
    expect(() => apply(counter, new Uint8Array(50), new Uint8Array(49))).toThrow(RangeError);
  }
});

test.runIf(openssl !== undefined)(
  "OpenSSL's primitives refuse what would read or write too far",
  () => {
    const block = new Uint8Array(16);
    const apply = openssl?.counterMode(new Uint8Array(32));
    const cipher = openssl?.blockCipher(new Uint8Array(16));

    expect(() => openssl?.counterMode(new Uint8Array(31))).toThrow(RangeError);
    expect(() => openssl?.blockCipher(new Uint8Array(15))).toThrow(RangeError);
    expect(() => apply?.(block.subarray(1), block, block)).toThrow(RangeError);
    expect(() => cipher?.(block.subarray(1), block, 0)).toThrow(RangeError);
    expect(() => cipher?.(block, block, 1)).toThrow(RangeError);
    expect(() => openssl?.poly1305(new Uint8Array(15), block, new Uint8Array(32))).toThrow(
      RangeError,
    );
    expect(() => openssl?.poly1305(block, block, new Uint8Array(31))).toThrow(RangeError);
  },
);

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
