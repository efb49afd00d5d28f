/** Below this zstd itself tells for less than it costs to ask: 45 us for 128 KiB of random bytes. */
const MIN_SIZE = 128 * 1024;

const SAMPLE_SIZE = 1024;
const MIN_SAMPLES = 4;
const MAX_SAMPLES = 16;
/** One sample for so many bytes, within the limits above. */
const BYTES_PER_SAMPLE = 65_536;

/**
 * Limits of chi square for the counts of the 256 values in a sample: 255 +- 23 for random bytes. A mean of 480 stands
 * for 2 % that entropy coding could save; one header or table inside may stand out more.
 */
const MEAN_CHI_LIMIT = 480;
const CHI_LIMIT = 2000;

/** Limits of how often four bytes in a row are found again: about never in random bytes, every second in text. */
const MEAN_REPEATS_LIMIT = 8;
const REPEATS_LIMIT = 64;
const TABLE_BITS = 12;

const counts = new Uint16Array(256);
const table = new Int32Array(1 << TABLE_BITS);

/**
 * True if zstd would hardly shorten the bytes: encrypted or compressed before. Looks at 4 to 16 samples of 1 KiB, each
 * of which must use all byte values about alike and repeat little of the others; costs 2.5 us a sample.
 *
 * It misses repetitions further apart than the samples can show, and regions between them. It says false for
 * anything below 128 KiB.
 */
export function looksIncompressible(bytes: Uint8Array): boolean {
  if (bytes.length < MIN_SIZE) return false;
  const wanted = Math.ceil(bytes.length / BYTES_PER_SAMPLE);
  const samples = Math.min(MAX_SAMPLES, Math.max(MIN_SAMPLES, wanted));
  // From the first bytes to the last: headers and padding give away what a file is.
  const stride = Math.floor((bytes.length - SAMPLE_SIZE) / (samples - 1));
  table.fill(0);
  let allRepeats = 0;
  let allChi = 0;
  for (let sample = 0; sample < samples; sample++) {
    const repeats = countRepeats(bytes, sample * stride);
    const chi = chiSquare();
    if (repeats > REPEATS_LIMIT || chi > CHI_LIMIT) return false;
    allRepeats += repeats;
    allChi += chi;
  }
  return allRepeats <= samples * MEAN_REPEATS_LIMIT && allChi <= samples * MEAN_CHI_LIMIT;
}

/** Counts the bytes of a sample, and returns how often four of them were in the table already. */
function countRepeats(bytes: Uint8Array, start: number): number {
  counts.fill(0);
  let repeats = 0;
  let four = 0;
  for (let at = start; at < start + SAMPLE_SIZE; at++) {
    const byte = bytes[at] ?? 0;
    counts[byte] = (counts[byte] ?? 0) + 1;
    four = (four << 8) | byte;
    const slot = Math.imul(four, 0x9e3779b1) >>> (32 - TABLE_BITS);
    if (table[slot] === four) repeats++;
    else table[slot] = four;
  }
  return repeats;
}

/** How unevenly the counted values are spread: the sum over all of (count - expected)^2 / expected. */
function chiSquare(): number {
  let squares = 0;
  for (let value = 0; value < 256; value++) {
    const count = counts[value] ?? 0;
    squares += count * count;
  }
  return (squares * 256) / SAMPLE_SIZE - SAMPLE_SIZE;
}
