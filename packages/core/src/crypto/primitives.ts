/**
 * The ciphers that sealing is made of, with the same bytes from any of three sources. In order of preference:
 *
 * 1. Node's own OpenSSL, called directly (openssl.ts): writes where we want it, and has a Poly1305.
 * 2. node:crypto (node-primitives.ts), whose results are new Buffers, with Poly1305 from sodium-native.
 * 3. @noble (portable-primitives.ts), for what the others lack, and to compare with.
 *
 * @module
 */
import { loadNodePrimitives } from "./node-primitives.ts";
import { loadOpenssl } from "./openssl.ts";

/**
 * Encrypts or decrypts `bytes` by AES-256 in counter mode under one key, from the counter block `counter` of 16 bytes
 * on, and writes as many bytes to the start of `out`, which may be `bytes` itself but not overlap it otherwise. The
 * counter is one big-endian number of 128 bits that wraps to zero.
 *
 * @throws {RangeError} If `out` has no room for them.
 */
export type CounterMode = (counter: Uint8Array, bytes: Uint8Array, out: Uint8Array) => void;

/** AES-128 of one block of 16 bytes, written to `out` at `offset`. */
export type BlockCipher = (block: Uint8Array, out: Uint8Array, offset: number) => void;

/** Writes the 16 byte Poly1305 tag of `message` under the 32 byte one-time `key` (which it clamps) to `tag`. */
export type Poly1305 = (tag: Uint8Array, message: Uint8Array, key: Uint8Array) => void;

/** See the module comment. */
export interface CryptoPrimitives {
  readonly name: string;
  counterMode(key: Uint8Array): CounterMode;
  blockCipher(key: Uint8Array): BlockCipher;
  readonly poly1305: Poly1305;
}

/** What this thread uses unless told otherwise; chosen once. */
export const defaultPrimitives: CryptoPrimitives = loadOpenssl() ?? loadNodePrimitives();
