/** Bytes that look random and are the same for the same seed, so that they are cut and stored as files are. For tests. */
export function randomBytesOf(length: number, seed: number): Buffer<ArrayBuffer> {
  const words = new Int32Array(Math.ceil(length / 4));
  let state = seed * 2 + 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer, 0, length);
}
