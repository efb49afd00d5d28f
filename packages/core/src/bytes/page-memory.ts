/**
 * New memory that begins with a page, so that the kernel can write it to a disk without a copy of its own. V8 reserves that
 * for buffers that can grow; others begin anywhere. Pages that are never written to cost nothing.
 */
export function pageMemory(size: number): Uint8Array<ArrayBuffer> {
  const memory = new ArrayBuffer(0, { maxByteLength: size });
  memory.resize(size);
  return new Uint8Array(memory, 0, size);
}
