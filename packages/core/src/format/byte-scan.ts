/** The ASCII bytes of a text that a scanner expects. */
export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The value of a lower-case hex digit; 255, which no digit reaches, for all other bytes. */
const NIBBLES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = "0123456789abcdef".indexOf(String.fromCharCode(byte));
  return value < 0 ? 255 : value;
});

// 15 digits are always below 2^53.
const MAX_DIGITS = 15;

/**
 * A position in bytes that are expected to be JSON of a known form. Each method advances over what it accepts and tells so;
 * after a refusal the position is of no use. Nothing throws at the end of the bytes: they just do not match.
 */
export class ByteScan {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Leaves the position alone on refusal, so that something else can be tried. */
  accept(expected: Uint8Array): boolean {
    const bytes = this.bytes;
    const start = this.at;
    for (let at = 0; at < expected.length; at++) {
      if (bytes[start + at] !== expected[at]) return false;
    }
    this.at = start + expected.length;
    return true;
  }

  /** Leaves the position alone on refusal. */
  acceptByte(expected: number): boolean {
    if (this.bytes[this.at] !== expected) return false;
    this.at++;
    return true;
  }

  /** An integer without sign, fraction or exponent, of at most 15 digits; -1 for anything else. */
  uint(): number {
    const bytes = this.bytes;
    const start = this.at;
    let at = start;
    let value = 0;
    for (;;) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9 || at - start > MAX_DIGITS) break;
      value = value * 10 + digit;
      at++;
    }
    this.at = at;
    const hasLeadingZero = bytes[start] === 0x30 && at > start + 1;
    return at === start || hasLeadingZero || at - start > MAX_DIGITS ? -1 : value;
  }

  /** 64 lower-case hex digits, decoded into the 32 bytes of `target`. */
  hexInto(target: Uint8Array): boolean {
    const bytes = this.bytes;
    const start = this.at;
    if (start + 64 > bytes.length) return false;
    let all = 0;
    for (let at = 0; at < 32; at++) {
      const high = NIBBLES[bytes[start + 2 * at] ?? 0] ?? 255;
      const low = NIBBLES[bytes[start + 2 * at + 1] ?? 0] ?? 255;
      all |= high | low;
      target[at] = (high << 4) | low;
    }
    this.at = start + 64;
    return all < 16;
  }

  /** 64 lower-case hex digits, not decoded: only the position moves. */
  hex(): boolean {
    const bytes = this.bytes;
    const end = this.at + 64;
    if (end > bytes.length) return false;
    let all = 0;
    for (let at = this.at; at < end; at++) all |= NIBBLES[bytes[at] ?? 0] ?? 255;
    this.at = end;
    return all < 16;
  }
}
