import { createCipheriv, randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { generateMasterKey } from "./master-key.ts";
import { Opener } from "./opener.ts";
import { loadOpenSslCtr } from "./openssl-ctr.ts";
import { portablePrimitives } from "./primitives.ts";
import { Sealer } from "./sealer.ts";

const makeTransform = loadOpenSslCtr();

test.runIf(makeTransform !== undefined)("loadOpenSslCtr() encrypts as node:crypto does", () => {
  const key = randomBytes(32);
  const transform = makeTransform?.(key);
  const counter = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const message = fc.uint8Array({ maxLength: 5000 });
  const property = fc.property(counter, message, (counter, bytes) => {
    const out = new Uint8Array(bytes.length + 1);
    transform?.(counter, bytes, out);
    const expected = createCipheriv("aes-256-ctr", key, counter).update(bytes);
    expect(Buffer.compare(out, Buffer.concat([expected, Buffer.alloc(1)]))).toBe(0);
  });
  fc.assert(property);
});

test.runIf(makeTransform !== undefined)("loadOpenSslCtr() refuses what does not fit", () => {
  const transform = makeTransform?.(randomBytes(32));
  const counter = randomBytes(16);

  expect(() => transform?.(counter, new Uint8Array(5), new Uint8Array(4))).toThrow(RangeError);
  expect(() => transform?.(counter.subarray(1), new Uint8Array(5), new Uint8Array(5))).toThrow(
    RangeError,
  );
  expect(() => makeTransform?.(randomBytes(31))).toThrow(RangeError);
});

test("openInto() gives what seal() was given, with native and with portable code", () => {
  const key = generateMasterKey();
  const plain = randomBytes(1000);
  const out = new Uint8Array(1200);
  const sealed = [new Sealer(key).seal(plain), new Sealer(key, portablePrimitives).seal(plain)];

  for (const message of sealed) {
    for (const opener of [new Opener(key), new Opener(key, portablePrimitives)]) {
      const opened = opener.openInto(message, out.fill(0));

      expect(Buffer.compare(opened, plain)).toBe(0);
      expect(opened.buffer).toBe(out.buffer);
      expect(() => opener.openInto(message, new Uint8Array(999))).toThrow(RangeError);
    }
  }
});
