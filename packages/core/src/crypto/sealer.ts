import { randomFillSync } from "node:crypto";
import { addToCounter, isZeroBlock } from "./counter.ts";
import type { MasterKey } from "./master-key.ts";
import { defaultPrimitives } from "./primitives.ts";
import type { BlockCipher, CounterMode, CryptoPrimitives, Poly1305 } from "./primitives.ts";

/** By how much sealed bytes are longer than the plain ones: IV (16) before, MAC (16) behind. */
export const SEAL_OVERHEAD = 32;

/**
 * Encrypts and authenticates: `IV || AES-256-CTR || Poly1305-AES(ciphertext)`, restic-format section 2.
 *
 * All messages of a sealer lie on one key stream, each from a whole block on: where one ends, the next has its IV. So
 * no IV comes twice in a sealer, and sealers start at random among 2^128. Not for use by two threads.
 */
export class Sealer {
  readonly #poly1305: Poly1305;
  readonly #encryptIv: BlockCipher;
  readonly #applyStream: CounterMode;
  readonly #counter = new Uint8Array(16);
  /** `r` and, behind it, the encrypted IV of the present message. */
  readonly #macKey = new Uint8Array(32);

  constructor(key: MasterKey, primitives: CryptoPrimitives = defaultPrimitives) {
    this.#poly1305 = primitives.poly1305;
    this.#encryptIv = primitives.blockCipher(key.macK);
    this.#applyStream = primitives.counterMode(key.encrypt);
    this.#macKey.set(key.macR);
    this.#restart();
  }

  /**
   * Seals `plain` into `out` at `offset` and returns the bytes written, `plain.length + SEAL_OVERHEAD`.
   * The two may not overlap.
   *
   * @throws {RangeError} If `out` has no room for them.
   */
  sealInto(plain: Uint8Array, out: Uint8Array, offset: number): number {
    if (isZeroBlock(this.#counter, 0)) this.#restart();
    const length = this.sealWith(this.#counter, plain, out, offset);
    addToCounter(this.#counter, Math.ceil(plain.length / 16));
    return length;
  }

  /**
   * As `sealInto`, with an IV that the caller chose: never zero, and such that no block of any two messages under a key
   * has the same number, where a message uses one number for each 16 bytes from its IV on.
   */
  sealWith(iv: Uint8Array, plain: Uint8Array, out: Uint8Array, offset: number): number {
    const start = offset + 16;
    const end = start + plain.length;
    if (offset < 0 || end + 16 > out.length)
      throw new RangeError("Cannot seal: no room for result");

    out.set(iv, offset);
    this.#encryptIv(iv, this.#macKey, 16);
    this.#applyStream(iv, plain, out.subarray(start, end));
    this.#poly1305(out.subarray(end, end + 16), out.subarray(start, end), this.#macKey);
    return end + 16 - offset;
  }

  /** Seals `plain` into memory of its own. */
  seal(plain: Uint8Array): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(plain.length + SEAL_OVERHEAD);
    this.sealInto(plain, out, 0);
    return out;
  }

  #restart(): void {
    do randomFillSync(this.#counter);
    while (isZeroBlock(this.#counter, 0));
  }
}
