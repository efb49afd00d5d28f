import { badFrame } from "./zstd-error.ts";

const MAGIC = 0xfd2fb528;
/** The lowest of sixteen numbers that mark a frame without content, to be skipped. */
const SKIPPABLE_MAGIC = 0x184d2a50;

/**
 * The frames of which the bytes consist, in order, as views; frames to be skipped are left out. Follows the block
 * headers of RFC 8878 section 3.1.1 only, so a frame that passes may still be bad inside.
 *
 * For decoders that stop after the first frame, or do not tell that the last one is cut short.
 *
 * @throws {TsbakError} `corrupt` if there is no frame, or something else than frames.
 */
export function splitFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  try {
    do {
      const magic = view.getUint32(at, true);
      const isSkippable = (magic & 0xfffffff0) === SKIPPABLE_MAGIC;
      if (!isSkippable && magic !== MAGIC) throw badFrame("it does not start as a frame does");
      const end = isSkippable ? at + 8 + view.getUint32(at + 4, true) : endOfFrame(view, at);
      if (end > bytes.length) throw badFrame("it is cut short");
      if (!isSkippable) frames.push(bytes.subarray(at, end));
      at = end;
    } while (at < bytes.length);
  } catch (error) {
    if (error instanceof RangeError) throw badFrame("it is cut short", error);
    throw error;
  }
  return frames;
}

function endOfFrame(view: DataView, start: number): number {
  const descriptor = view.getUint8(start + 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const windowSize = isSingleSegment ? 0 : 1;
  const dictionaryIdSize = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSizeSize = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const checksumSize = (descriptor & 4) === 0 ? 0 : 4;
  return (
    endOfBlocks(view, start + 5 + windowSize + dictionaryIdSize + contentSizeSize) + checksumSize
  );
}

function endOfBlocks(view: DataView, start: number): number {
  let at = start;
  let isLast = false;
  while (!isLast) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    isLast = (header & 1) === 1;
    // Type 1 is one byte that repeats, whatever size is told.
    const isRepeated = ((header >> 1) & 3) === 1;
    at += 3 + (isRepeated ? 1 : header >> 3);
  }
  return at;
}
