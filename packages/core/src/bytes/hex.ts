const DIGITS = "0123456789abcdef";
const PAIRS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => DIGITS.charAt(byte >> 4) + DIGITS.charAt(byte & 15),
);

/** The value of each ASCII hex digit, -1 for other characters. */
const VALUES: Int8Array = Int8Array.from({ length: 128 }, (_, code) => {
  return DIGITS.indexOf(String.fromCharCode(code).toLowerCase());
});

/** Lower-case hex of the bytes from `start` up to `end`. */
export function toHex(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  let text = "";
  for (let at = start; at < end; at++) text += PAIRS[bytes[at] ?? 0];
  return text;
}

/**
 * The bytes that a hex text stands for, in a new array.
 *
 * @throws {RangeError} Unless `text` is an even number of lower- or upper-case hex digits.
 */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length >> 1);
  let all = text.length % 2 === 0 ? 0 : -1;
  for (let at = 0; at < bytes.length; at++) {
    const high = VALUES[text.charCodeAt(2 * at)] ?? -1;
    const low = VALUES[text.charCodeAt(2 * at + 1)] ?? -1;
    // What is no digit is negative, and one sign bit shows in the end.
    all |= high | low;
    bytes[at] = (high << 4) | low;
  }
  if (all < 0) throw new RangeError("Cannot read hex: not an even number of hex digits");
  return bytes;
}

/** True for the 64 lower-case hex digits that name every file and blob of a repository. */
export function isId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
