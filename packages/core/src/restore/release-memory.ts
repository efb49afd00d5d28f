/** Below this, memory comes from the allocator's own stock and giving it back early gains nothing. */
const LEAST_SIZE = 256 << 10;

/**
 * Give the memory of an array back at once instead of at some later collection: a thread that opens a pack makes as much
 * garbage as the pack is long. The array is empty afterwards. Only for an array that nobody else holds.
 */
export function releaseMemory(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length < LEAST_SIZE || bytes.length !== buffer.byteLength) return;
  // Node 20 does not have it; there the collector comes in its own time.
  if (buffer instanceof ArrayBuffer) buffer.transfer?.(0);
}
