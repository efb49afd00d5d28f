import { TsbakError } from "../errors.ts";
import { isZeroBlock } from "./counter.ts";
import type { MasterKey } from "./master-key.ts";
import { defaultPrimitives } from "./primitives.ts";
import type { CryptoPrimitives, Poly1305, Transform } from "./primitives.ts";
import { SEAL_OVERHEAD } from "./sealer.ts";

/** Verifies and decrypts what a `Sealer`, or restic, sealed with the same key. Not for use by two threads. */
export class Opener {
  readonly #poly1305: Poly1305;
  readonly #nonceCipher: Transform;
  readonly #startStream: (counter: Uint8Array) => Transform;
  readonly #macKey = new Uint8Array(32);
  readonly #expected = new Uint8Array(16);

  constructor(key: MasterKey, primitives: CryptoPrimitives = defaultPrimitives) {
    this.#poly1305 = primitives.poly1305;
    this.#nonceCipher = primitives.blockCipher(key.macK);
    this.#startStream = primitives.counterMode(key.encrypt);
    this.#macKey.set(key.macR);
  }

  /**
   * The plain bytes, in memory of their own. Nothing is decrypted before the MAC is verified.
   *
   * @throws {TsbakError} `corrupt` if they are too short, have an all-zero IV or were changed.
   */
  open(sealed: Uint8Array): Uint8Array<ArrayBuffer> {
    const plain = this.tryOpen(sealed);
    if (plain === undefined) {
      throw new TsbakError("corrupt", "Cannot open sealed bytes: the MAC does not fit");
    }
    return plain;
  }

  /**
   * As `open`, but undefined when only the MAC does not fit: for a search among keys.
   *
   * @throws {TsbakError} `corrupt` if they are too short or have an all-zero IV.
   */
  tryOpen(sealed: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    if (sealed.length < SEAL_OVERHEAD) {
      throw new TsbakError("corrupt", `Cannot open sealed bytes: only ${sealed.length} are left`);
    }
    if (isZeroBlock(sealed, 0)) {
      throw new TsbakError("corrupt", "Cannot open sealed bytes: the IV is all zero");
    }
    const iv = sealed.subarray(0, 16);
    const ciphertext = sealed.subarray(16, sealed.length - 16);
    if (!this.#isAuthentic(iv, ciphertext, sealed)) return undefined;
    return asPlainArray(this.#startStream(iv)(ciphertext));
  }

  #isAuthentic(iv: Uint8Array, ciphertext: Uint8Array, sealed: Uint8Array): boolean {
    this.#macKey.set(this.#nonceCipher(iv), 16);
    this.#poly1305(this.#expected, ciphertext, this.#macKey);
    // All bytes are compared, so that the time does not tell how many are right.
    let difference = 0;
    const macAt = sealed.length - 16;
    for (let at = 0; at < 16; at++) {
      difference |= (this.#expected[at] ?? 0) ^ (sealed[macAt + at] ?? 0);
    }
    return difference === 0;
  }
}

/** Not a Buffer: its `slice` would share memory where callers expect a copy. */
function asPlainArray(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
