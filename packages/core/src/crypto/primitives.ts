/**
 * The ciphers that sealing is made of, from native code or from portable JavaScript, with the same bytes.
 *
 * node:crypto has AES everywhere and Poly1305 nowhere, so that one comes from sodium-native, whose prebuilt
 * library may be missing on a platform. `defaultPrimitives` is chosen once, when this module is loaded.
 *
 * @module
 */
import { createCipheriv, createSecretKey } from "node:crypto";
import { createRequire } from "node:module";
import { ctr, ecb } from "@noble/ciphers/aes.js";
import { poly1305 as noblePoly1305 } from "@noble/ciphers/_poly1305.js";
import { addToCounter } from "./counter.ts";
import { loadOpenSslCtr, type CounterInto } from "./openssl-ctr.ts";

/** Turns bytes into as many others, in new memory. What was given before may matter: see its maker. */
export type Transform = (bytes: Uint8Array) => Uint8Array<ArrayBuffer>;

/** Writes the 16 byte Poly1305 tag of `message` under the 32 byte one-time `key` (which it clamps) to `tag`. */
export type Poly1305 = (tag: Uint8Array, message: Uint8Array, key: Uint8Array) => void;

/** See the module comment. */
export interface CryptoPrimitives {
  readonly name: string;
  /**
   * AES-256-CTR under `key`: the result starts a stream at a 16 byte counter block, and each call of the stream
   * goes on where the last one ended. The counter is one big-endian number of 128 bits that wraps to zero.
   * Encrypts and decrypts alike.
   */
  counterMode(key: Uint8Array): (counter: Uint8Array) => Transform;
  /** The same for whole messages and into memory that is there, where there is a faster way for them. */
  readonly counterModeInto?: ((key: Uint8Array) => CounterInto) | undefined;
  /** AES-128 of single blocks under `key`, without padding or state. Input: whole blocks of 16 bytes. */
  blockCipher(key: Uint8Array): Transform;
  readonly poly1305: Poly1305;
}

/** Everything from @noble: runs wherever JavaScript does, at a tenth of the speed. */
export const portablePrimitives: CryptoPrimitives = {
  name: "portable",
  counterMode: (key) => (counter) => portableStream(key, counter),
  blockCipher: (key) => (blocks) =>
    Uint8Array.from(ecb(key, { disablePadding: true }).encrypt(plain(blocks))),
  poly1305: portablePoly1305,
};

const nativePoly1305 = loadNativePoly1305();
const openSslCtr = loadOpenSslCtr();

/** What this process uses unless told otherwise. */
export const defaultPrimitives: CryptoPrimitives = {
  name: nativePoly1305 === undefined ? "node" : "node+sodium",
  counterMode(key) {
    // A KeyObject, not bytes: with bytes Node 24 fetches the cipher anew each time, 10 us instead of 0.8.
    const secret = createSecretKey(key);
    return (counter) => {
      const cipher = createCipheriv("aes-256-ctr", secret, counter);
      return (bytes) => cipher.update(bytes);
    };
  },
  counterModeInto: openSslCtr,
  blockCipher(key) {
    const cipher = createCipheriv("aes-128-ecb", createSecretKey(key), null).setAutoPadding(false);
    return (blocks) => cipher.update(blocks);
  },
  poly1305: nativePoly1305 ?? portablePoly1305,
};

function loadNativePoly1305(): Poly1305 | undefined {
  try {
    const require = createRequire(import.meta.url);
    const sodium = require("sodium-native") as { crypto_onetimeauth: Poly1305 };
    sodium.crypto_onetimeauth(new Uint8Array(16), new Uint8Array(1), new Uint8Array(32));
    return sodium.crypto_onetimeauth;
  } catch {
    return undefined;
  }
}

function portablePoly1305(tag: Uint8Array, message: Uint8Array, key: Uint8Array): void {
  tag.set(noblePoly1305(plain(message), plain(key)));
}

function portableStream(key: Uint8Array, counter: Uint8Array): Transform {
  const block = Uint8Array.from(counter);
  let used = 0;
  return (bytes) => {
    // Noble only starts at a block's first byte: zeros stand for the part of the block that is already used.
    const input = new Uint8Array(used + bytes.length);
    input.set(bytes, used);
    const output = ctr(key, Uint8Array.from(block)).encrypt(input).slice(used);
    addToCounter(block, Math.floor(input.length / 16));
    used = input.length % 16;
    return output;
  };
}

/** Noble tells Buffers from arrays; a plain view of the same bytes is always accepted. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}
