import * as zlib from "node:zlib";
import { badFrame, wrongLength } from "./zstd-error.ts";
import { splitFrames } from "./zstd-frame.ts";
import { checkRoom } from "./zstd-bound.ts";
import type { Zstd } from "./zstd.ts";

/** Smallest output piece that node:zlib accepts. */
const MIN_PIECE = 64;

/** Zstandard of node:zlib. Undefined before Node 22.15. */
export function loadNodeZstd(): Zstd | undefined {
  if (typeof zlib.zstdCompressSync !== "function") return undefined;
  return {
    name: "node:zlib",
    compress,
    compressInto,
    decompress,
    decompressInto,
    decompressUnknown,
  };
}

function compress(bytes: Uint8Array, level: number): Uint8Array<ArrayBuffer> {
  // Told the size, zstd takes smaller tables for small inputs; with room for all of it, one output piece does.
  return owned(
    zlib.zstdCompressSync(bytes, {
      chunkSize: MIN_PIECE + bytes.length + (bytes.length >> 7),
      pledgedSrcSize: bytes.length,
      params: { [zlib.constants.ZSTD_c_compressionLevel]: level },
    }),
  );
}

function compressInto(bytes: Uint8Array, level: number, out: Uint8Array): number {
  checkRoom(out, bytes.length);
  const frame = compress(bytes, level);
  out.set(frame);
  return frame.length;
}

function decompress(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const content = decompressUnknown(bytes, length);
  if (content.length !== length) throw wrongLength(content.length, length);
  return content;
}

function decompressInto(bytes: Uint8Array, out: Uint8Array): void {
  out.set(decompress(bytes, out.length));
}

function decompressUnknown(bytes: Uint8Array, maxLength: number): Uint8Array<ArrayBuffer> {
  const frames = splitFrames(bytes);
  const [only] = frames;
  if (only !== undefined && frames.length === 1) return decompressFrame(only, maxLength);
  // node:zlib stops after the first frame and does not say so.
  const contents: Uint8Array[] = [];
  let length = 0;
  for (const frame of frames) {
    const content = decompressFrame(frame, maxLength - length);
    contents.push(content);
    length += content.length;
  }
  return Uint8Array.from(Buffer.concat(contents));
}

function decompressFrame(frame: Uint8Array, maxLength: number): Uint8Array<ArrayBuffer> {
  const guess = Math.min(maxLength, 2 ** 20, 16 * frame.length);
  try {
    const content = zlib.zstdDecompressSync(frame, {
      chunkSize: Math.max(MIN_PIECE, guess),
      // Zero is not taken for a limit.
      maxOutputLength: Math.max(1, maxLength),
    });
    if (content.length <= maxLength) return owned(content);
  } catch (error) {
    if (!(error instanceof RangeError)) throw badFrame(reasonOf(error), error);
  }
  throw wrongLength("longer", maxLength);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown error";
}

function owned(buffer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  // Small Buffers are parts of a pool; a part would keep its whole pool alive.
  if (buffer.length * 2 < buffer.buffer.byteLength) return Uint8Array.from(buffer);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
