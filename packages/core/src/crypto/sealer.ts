import { randomFillSync } from "node:crypto";
import { addToCounter, isZeroBlock } from "./counter.ts";
import type { MasterKey } from "./master-key.ts";
import { defaultPrimitives } from "./primitives.ts";
import type { CounterInto } from "./openssl-ctr.ts";
import type { CryptoPrimitives, Poly1305, Transform } from "./primitives.ts";

/** By how much sealed bytes are longer than the plain ones: IV (16) before, MAC (16) behind. */
export const SEAL_OVERHEAD = 32;

/** Up to here a copy into padded scratch costs less than a second call of the cipher for the padding. */
const SCRATCH_SIZE = 8192;

const PADDING = new Uint8Array(16);

/**
 * Encrypts and authenticates: `IV || AES-256-CTR || Poly1305-AES(ciphertext)`, restic-format section 2.
 *
 * One cipher lives as long as the sealer. Its running counter is the IV of the next message, which starts at a whole
 * block, so no IV comes twice: messages of one sealer follow each other, and sealers start at random among 2^128.
 * The messages sealed next to each other therefore have consecutive IVs. Not for use by two threads.
 */
export class Sealer {
  readonly #poly1305: Poly1305;
  readonly #nonceCipher: Transform;
  readonly #startStream: (counter: Uint8Array) => Transform;
  readonly #encryptInto: CounterInto | undefined;
  readonly #counter = new Uint8Array(16);
  /** `r` and, behind it, the encrypted IV of the present message. */
  readonly #macKey = new Uint8Array(32);
  readonly #scratch = new Uint8Array(SCRATCH_SIZE);
  #stream: Transform;

  constructor(key: MasterKey, primitives: CryptoPrimitives = defaultPrimitives) {
    this.#poly1305 = primitives.poly1305;
    this.#nonceCipher = primitives.blockCipher(key.macK);
    this.#startStream = primitives.counterMode(key.encrypt);
    this.#encryptInto = primitives.counterModeInto?.(key.encrypt);
    this.#macKey.set(key.macR);
    this.#stream = this.#restart();
  }

  /**
   * Seals `plain` into `out` at `offset` and returns the bytes written, `plain.length + SEAL_OVERHEAD`.
   * The two may not overlap.
   *
   * @throws {RangeError} If `out` has no room for them.
   */
  sealInto(plain: Uint8Array, out: Uint8Array, offset: number): number {
    const start = offset + 16;
    const end = start + plain.length;
    if (offset < 0 || end + 16 > out.length)
      throw new RangeError("Cannot seal: no room for result");

    if (isZeroBlock(this.#counter, 0)) this.#stream = this.#restart();
    out.set(this.#counter, offset);
    this.#macKey.set(this.#nonceCipher(this.#counter), 16);
    this.#encrypt(plain, out, start);
    this.#poly1305(out.subarray(end, end + 16), out.subarray(start, end), this.#macKey);
    return end + 16 - offset;
  }

  /** Seals `plain` into memory of its own. */
  seal(plain: Uint8Array): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(plain.length + SEAL_OVERHEAD);
    this.sealInto(plain, out, 0);
    return out;
  }

  #encrypt(plain: Uint8Array, out: Uint8Array, offset: number): void {
    const length = plain.length;
    const blocks = Math.ceil(length / 16);
    if (this.#encryptInto !== undefined) {
      this.#encryptInto(this.#counter, plain, out.subarray(offset, offset + length));
    } else if (length % 16 === 0) {
      if (length > 0) out.set(this.#stream(plain), offset);
    } else if (length <= SCRATCH_SIZE) {
      this.#scratch.set(plain);
      const sealed = this.#stream(this.#scratch.subarray(0, blocks * 16));
      out.set(sealed.subarray(0, length), offset);
    } else {
      out.set(this.#stream(plain), offset);
      this.#stream(PADDING.subarray(length % 16));
    }
    addToCounter(this.#counter, blocks);
  }

  #restart(): Transform {
    do randomFillSync(this.#counter);
    while (isZeroBlock(this.#counter, 0));
    return this.#startStream(this.#counter);
  }
}
