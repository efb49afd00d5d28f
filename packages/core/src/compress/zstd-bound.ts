/** No frame of `length` bytes is longer (ZSTD_COMPRESSBOUND of zstd.h). */
export function maxCompressedLength(length: number): number {
  const small = 128 << 10;
  return length + Math.floor(length / 256) + (length < small ? (small - length) >> 11 : 0);
}

/** @throws {RangeError} Unless a frame of `length` bytes fits into `out` in any case. */
export function checkRoom(out: Uint8Array, length: number): void {
  if (out.length >= maxCompressedLength(length)) return;
  throw new RangeError(`Cannot compress ${length} bytes: no room for the longest frame`);
}
