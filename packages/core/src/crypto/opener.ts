import { TsbakError } from "../errors.ts";
import { isZeroBlock } from "./counter.ts";
import type { MasterKey } from "./master-key.ts";
import { defaultPrimitives } from "./primitives.ts";
import type { BlockCipher, CounterMode, CryptoPrimitives, Poly1305 } from "./primitives.ts";
import { SEAL_OVERHEAD } from "./sealer.ts";

/** Verifies and decrypts what a `Sealer`, or restic, sealed with the same key. Not for use by two threads. */
export class Opener {
  readonly #poly1305: Poly1305;
  readonly #encryptIv: BlockCipher;
  readonly #decrypt: CounterMode;
  readonly #macKey = new Uint8Array(32);
  readonly #expected = new Uint8Array(16);

  constructor(key: MasterKey, primitives: CryptoPrimitives = defaultPrimitives) {
    this.#poly1305 = primitives.poly1305;
    this.#encryptIv = primitives.blockCipher(key.macK);
    this.#decrypt = primitives.counterMode(key.encrypt);
    this.#macKey.set(key.macR);
  }

  /**
   * The plain bytes, in memory of their own. Nothing is decrypted before the MAC is verified.
   *
   * @throws {TsbakError} `corrupt` if they are too short, have an all-zero IV or were changed.
   */
  open(sealed: Uint8Array): Uint8Array<ArrayBuffer> {
    const plain = this.tryOpen(sealed);
    if (plain === undefined) throw badMac();
    return plain;
  }

  /**
   * As `open`, but the plain bytes are written to the start of `out`, of which the result is a view. It may be
   * `sealed.subarray(16)`: then they take the place of the ciphertext.
   *
   * @throws {RangeError} If `out` has no room for them: `sealed.length - SEAL_OVERHEAD`.
   */
  openInto(sealed: Uint8Array, out: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (!this.#isAuthentic(sealed)) throw badMac();
    const plain = out.subarray(0, sealed.length - SEAL_OVERHEAD);
    this.#decrypt(sealed.subarray(0, 16), ciphertextOf(sealed), plain);
    return plain;
  }

  /**
   * As `open`, but undefined when only the MAC does not fit: for a search among keys.
   *
   * @throws {TsbakError} `corrupt` if they are too short or have an all-zero IV.
   */
  tryOpen(sealed: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    if (!this.#isAuthentic(sealed)) return undefined;
    const plain = new Uint8Array(sealed.length - SEAL_OVERHEAD);
    this.#decrypt(sealed.subarray(0, 16), ciphertextOf(sealed), plain);
    return plain;
  }

  #isAuthentic(sealed: Uint8Array): boolean {
    if (sealed.length < SEAL_OVERHEAD) {
      throw new TsbakError("corrupt", `Cannot open sealed bytes: only ${sealed.length} are left`);
    }
    if (isZeroBlock(sealed, 0)) {
      throw new TsbakError("corrupt", "Cannot open sealed bytes: the IV is all zero");
    }
    this.#encryptIv(sealed.subarray(0, 16), this.#macKey, 16);
    this.#poly1305(this.#expected, ciphertextOf(sealed), this.#macKey);
    // All bytes are compared, so that the time does not tell how many are right.
    let difference = 0;
    const macAt = sealed.length - 16;
    for (let at = 0; at < 16; at++) {
      difference |= (this.#expected[at] ?? 0) ^ (sealed[macAt + at] ?? 0);
    }
    return difference === 0;
  }
}

function badMac(): TsbakError {
  return new TsbakError("corrupt", "Cannot open sealed bytes: the MAC does not fit");
}

function ciphertextOf(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(16, sealed.length - 16);
}
