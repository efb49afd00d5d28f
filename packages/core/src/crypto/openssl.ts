/**
 * The OpenSSL inside Node, called directly through koffi.
 *
 * Node exports its OpenSSL for native add-ons. Against node:crypto a call costs 0.2 us instead of 0.8, results need no
 * Buffer of their own (which for large blobs costs as much again as AES itself), and there is a Poly1305, two to three
 * times as fast as sodium's. All functions used have had the same form since OpenSSL 1.1 or 3.0.
 *
 * @module
 */
import { createCipheriv } from "node:crypto";
import { createRequire } from "node:module";
import type { BlockCipher, CounterMode, CryptoPrimitives, Poly1305 } from "./primitives.ts";

/** An address as koffi hands it out. */
type Pointer = unknown;

/** Functions of one return 1 for success. */
interface Openssl {
  newContext(): Pointer;
  freeContext(context: Pointer): void;
  aes256Ctr(): Pointer;
  aes128Ecb(): Pointer;
  initialize(
    context: Pointer,
    cipher: Pointer,
    engine: null,
    key: Uint8Array | null,
    iv: Uint8Array | null,
  ): number;
  encrypt(
    context: Pointer,
    out: Uint8Array,
    written: Int32Array,
    input: Uint8Array,
    length: number,
  ): number;
  fetchMac(library: null, name: string, properties: null): Pointer;
  newMac(mac: Pointer): Pointer;
  startMac(context: Pointer, key: Uint8Array, length: number, parameters: null): number;
  updateMac(context: Pointer, bytes: Uint8Array, length: number): number;
  endMac(context: Pointer, tag: Uint8Array, written: BigUint64Array, room: number): number;
}

interface Koffi {
  load(path: null): { func(prototype: string): unknown };
}

const MAX_LENGTH = 2 ** 30;

/** Undefined without koffi, or if this Node does not export a sound OpenSSL. */
export function loadOpenssl(): CryptoPrimitives | undefined {
  try {
    const openssl = bind();
    const freeWithOwner = new FinalizationRegistry<Pointer>((context) => {
      openssl.freeContext(context);
    });
    const newContext = (owner: object, cipher: Pointer, key: Uint8Array): Pointer => {
      const context = openssl.newContext();
      freeWithOwner.register(owner, context);
      check(openssl.initialize(context, cipher, null, key, null));
      return context;
    };
    const primitives = {
      name: "openssl",
      counterMode: (key: Uint8Array) => makeCounterMode(openssl, newContext, key),
      blockCipher: (key: Uint8Array) => makeBlockCipher(openssl, newContext, key),
      poly1305: makePoly1305(openssl),
    };
    return isSound(primitives) ? primitives : undefined;
  } catch {
    return undefined;
  }
}

function bind(): Openssl {
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const node = koffi.load(null);
  const bindings = {
    newContext: node.func("void* EVP_CIPHER_CTX_new()"),
    freeContext: node.func("void EVP_CIPHER_CTX_free(void*)"),
    aes256Ctr: node.func("void* EVP_aes_256_ctr()"),
    aes128Ecb: node.func("void* EVP_aes_128_ecb()"),
    initialize: node.func("int EVP_EncryptInit_ex(void*, void*, void*, void*, void*)"),
    encrypt: node.func("int EVP_EncryptUpdate(void*, void*, void*, void*, int)"),
    fetchMac: node.func("void* EVP_MAC_fetch(void*, str, void*)"),
    newMac: node.func("void* EVP_MAC_CTX_new(void*)"),
    startMac: node.func("int EVP_MAC_init(void*, void*, size_t, void*)"),
    updateMac: node.func("int EVP_MAC_update(void*, void*, size_t)"),
    endMac: node.func("int EVP_MAC_final(void*, void*, void*, size_t)"),
  };
  return bindings as Openssl;
}

type NewContext = (owner: object, cipher: Pointer, key: Uint8Array) => Pointer;

function makeCounterMode(openssl: Openssl, newContext: NewContext, key: Uint8Array): CounterMode {
  if (key.length !== 32) throw new RangeError("Cannot make cipher: the key is not 32 bytes");
  const written = new Int32Array(1);
  let context: Pointer;
  const apply: CounterMode = (counter, bytes, out) => {
    const length = bytes.length;
    // Native code does not know where an array ends, and counts in signed numbers of 32 bits.
    if (counter.length !== 16 || length > out.length || length > MAX_LENGTH) {
      throw new RangeError("Cannot encrypt: bad counter, or no room for the result");
    }
    check(openssl.initialize(context, null, null, null, counter));
    if (length > 0) check(openssl.encrypt(context, out, written, bytes, length));
  };
  context = newContext(apply, openssl.aes256Ctr(), key);
  return apply;
}

function makeBlockCipher(openssl: Openssl, newContext: NewContext, key: Uint8Array): BlockCipher {
  if (key.length !== 16) throw new RangeError("Cannot make cipher: the key is not 16 bytes");
  const written = new Int32Array(1);
  const result = new Uint8Array(16);
  let context: Pointer;
  const cipher: BlockCipher = (block, out, offset) => {
    if (block.length !== 16) throw new RangeError("Not a block of 16 bytes");
    check(openssl.encrypt(context, result, written, block, 16));
    out.set(result, offset);
  };
  context = newContext(cipher, openssl.aes128Ecb(), key);
  return cipher;
}

function makePoly1305(openssl: Openssl): Poly1305 {
  const context = openssl.newMac(openssl.fetchMac(null, "POLY1305", null));
  const written = new BigUint64Array(1);
  return (tag, message, key) => {
    if (tag.length !== 16 || key.length !== 32) throw new RangeError("Wrong length of tag or key");
    check(openssl.startMac(context, key, 32, null));
    check(openssl.updateMac(context, message, message.length));
    check(openssl.endMac(context, tag, written, 16));
  };
}

function check(result: number): void {
  if (result !== 1) throw new Error("OpenSSL reports a failure");
}

/** Compares with node:crypto and with RFC 8439 section 2.5.2, once: after that nothing may go wrong any more. */
function isSound(primitives: CryptoPrimitives): boolean {
  const key = new Uint8Array(32).map((_, at) => 7 * at + 1);
  const block = key.subarray(5, 21);
  const input = new Uint8Array(100).map((_, at) => at);
  const actual = new Uint8Array(132);
  const apply = primitives.counterMode(key);
  apply(key.subarray(16), input.subarray(0, 39), actual);
  apply(block, input, actual);
  primitives.blockCipher(block)(block, actual, 100);
  const macKey = Buffer.from(
    "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
    "hex",
  );
  const message = Buffer.from("Cryptographic Forum Research Group");
  primitives.poly1305(actual.subarray(116), message, macKey);
  const expected = Buffer.concat([
    createCipheriv("aes-256-ctr", key, block).update(input),
    createCipheriv("aes-128-ecb", block, null).update(block),
    Buffer.from("a8061dc1305136c6c22b8baf0c0127a9", "hex"),
  ]);
  return expected.equals(actual);
}
