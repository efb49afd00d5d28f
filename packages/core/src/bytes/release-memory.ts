/**
 * Free memory at once instead of at some later collection, where Node can. Only for what nobody else holds: whoever still has a view of
 * it finds it empty.
 */
export function releaseMemory(memory: ArrayBuffer): void {
  // To shrink it would be to clear what goes, and so to touch pages that nobody has touched yet. Node 20 has nothing better.
  if (typeof memory.transferToFixedLength === "function") memory.transferToFixedLength(0);
  else if (memory.resizable) memory.resize(0);
}

/** The same with the memory of these bytes, if it is theirs alone. */
export function releaseBytes({ buffer, length }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) releaseMemory(buffer);
}
