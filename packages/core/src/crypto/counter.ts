/** Adds to a counter block: 16 bytes, one big-endian number of 128 bits that wraps to zero as in OpenSSL. */
export function addToCounter(counter: Uint8Array, blocks: number): void {
  let carry = blocks;
  for (let at = 15; at >= 0 && carry > 0; at--) {
    const sum = (counter[at] ?? 0) + (carry % 256);
    counter[at] = sum & 255;
    carry = Math.floor(carry / 256) + (sum >> 8);
  }
}

/** True if the 16 bytes at `offset` are all zero: as an IV that is what no writer makes and no reader accepts. */
export function isZeroBlock(bytes: Uint8Array, offset: number): boolean {
  for (let at = offset; at < offset + 16; at++) if (bytes[at] !== 0) return false;
  return true;
}
