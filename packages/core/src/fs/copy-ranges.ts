import { readFully } from "./read-fully.ts";
import { writeFully } from "./write-file.ts";

const BUFFER_SIZE = 1 << 20;

/**
 * Copy ranges of a file to the same places of another; `ranges` are pairs of offset and length in bytes. What `isWanted` refuses is
 * left out. Throws the system's error; where the file ends early, the copy does.
 */
export function copyRanges(
  from: number,
  to: number,
  ranges: Float64Array,
  isWanted: (bytes: Uint8Array) => boolean,
): void {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_SIZE);
  for (let range = 0; range < ranges.length; range += 2) {
    const [offset = 0, length = 0] = ranges.subarray(range, range + 2);
    for (let at = 0; at < length; at += BUFFER_SIZE) {
      const count = Math.min(BUFFER_SIZE, length - at);
      const bytes = buffer.subarray(0, readFully(from, buffer, count, offset + at));
      if (isWanted(bytes)) writeFully(to, bytes, offset + at);
    }
  }
}
