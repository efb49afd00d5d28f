import { PLAIN_NAME_BYTES } from "../format/go-quote.ts";

const START = new Uint8Array(Buffer.from('{"nodes":['));
const END = new Uint8Array(Buffer.from("]}\n"));
/** Digits of a number that is exact for certain. */
const MOST_DIGITS = 15;
const [ZERO, NINE, DOT, COMMA] = [0x30, 0x39, 0x2e, 0x2c];
const [OPEN_BRACE, CLOSE_BRACE, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5d];

/** Values of lower-case hex digits; 255 for everything else. */
const HEX: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = "0123456789abcdef".indexOf(String.fromCharCode(code));
  return value < 0 ? 255 : value;
});

/**
 * Goes through the bytes of a tree and asks, step by step, for what is expected there. A step that says no leaves the cursor somewhere
 * inside it, but for `literal`, `byte` and `plainName`, which leave it where it was.
 */
export class TextCursor {
  at = 0;
  /** The id that `id` read last, as its 32 bytes. */
  readonly lastId: Uint8Array = new Uint8Array(32);
  #tree: Uint8Array = new Uint8Array(0);

  /** Begin with a tree. False if it does not begin like one. */
  open(tree: Uint8Array): boolean {
    this.#tree = tree;
    this.at = 0;
    return this.literal(START);
  }

  /** True if nothing but the end of the tree follows. */
  get isAtEnd(): boolean {
    return this.#tree.length === this.at + END.length && this.#startsWith(END);
  }

  literal(text: Uint8Array): boolean {
    if (!this.#startsWith(text)) return false;
    this.at += text.length;
    return true;
  }

  byte(code: number): boolean {
    if (this.#tree[this.at] !== code) return false;
    this.at++;
    return true;
  }

  /** A name of characters that stand for themselves. */
  plainName(name: string): boolean {
    const tree = this.#tree;
    const at = this.at;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      if (PLAIN_NAME_BYTES[code] === 0 || tree[at + i] !== code) return false;
    }
    this.at += name.length;
    return true;
  }

  /** The number in its only decimal form. */
  number(expected: number): boolean {
    const tree = this.#tree;
    const start = this.at;
    let value = 0;
    let at = start;
    for (; ; at++) {
      const code = tree[at] as number;
      if (!(code >= ZERO && code <= NINE)) break;
      value = value * 10 + (code - ZERO);
    }
    this.at = at;
    const digits = at - start;
    if (digits === 0 || digits > MOST_DIGITS) return false;
    return value === expected && (digits === 1 || tree[start] !== ZERO);
  }

  /** The fraction of a second: nothing for 0, else a point and up to nine digits, the last of them not 0. */
  fraction(nanoseconds: number): boolean {
    if (nanoseconds === 0) return this.#tree[this.at] !== DOT;
    if (!this.byte(DOT)) return false;
    const tree = this.#tree;
    let rest = nanoseconds;
    for (let unit = 100_000_000; rest > 0; unit /= 10) {
      const digit = Math.floor(rest / unit);
      if (tree[this.at++] !== ZERO + digit) return false;
      rest -= digit * unit;
    }
    return true;
  }

  /** 64 lower-case hex digits, kept in `lastId`. */
  id(): boolean {
    const tree = this.#tree;
    let wrong = 0;
    for (let i = 0; i < 32; i++) {
      const high = HEX[tree[this.at + 2 * i] as number] as number;
      const low = HEX[tree[this.at + 2 * i + 1] as number] as number;
      wrong |= high | low;
      this.lastId[i] = (high << 4) | low;
    }
    this.at += 64;
    return wrong < 16;
  }

  /** The end of a node, and the comma between it and the next. */
  endOfNode(): boolean {
    if (!this.byte(CLOSE_BRACE)) return false;
    if (this.#tree[this.at] === CLOSE_BRACKET) return true;
    return this.byte(COMMA) && this.#tree[this.at] === OPEN_BRACE;
  }

  /** Where the byte stands next, or -1. */
  indexOf(code: number): number {
    return this.#tree.indexOf(code, this.at);
  }

  /** True if the byte stands between here and `end`. */
  contains(code: number, end: number): boolean {
    for (let at = this.at; at < end; at++) if (this.#tree[at] === code) return true;
    return false;
  }

  #startsWith(text: Uint8Array): boolean {
    const tree = this.#tree;
    const at = this.at;
    for (let i = 0; i < text.length; i++) if (tree[at + i] !== text[i]) return false;
    return true;
  }
}
