/** Memory of `length` bytes for what is read: the beginning of `into` if that is long enough, and else a buffer of its own. */
export function memoryFor(length: number, into: ArrayBuffer | undefined): Uint8Array<ArrayBuffer> {
  if (into !== undefined && into.byteLength >= length) return new Uint8Array(into, 0, length);
  // Not zeroed first: it is filled or thrown away.
  const memory = Buffer.allocUnsafeSlow(length);
  return new Uint8Array(memory.buffer, memory.byteOffset, length);
}
