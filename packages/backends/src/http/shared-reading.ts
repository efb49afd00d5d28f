import type { OnReadOpts, Socket } from "node:net";

/** In bytes: the largest pieces that limits of bandwidth are held with. */
const SIZE = 64 << 10;

/**
 * For agents: all connections read into the same memory, but for those through a tunnel, where Node leaves this alone. Else Node would take 64 KiB of new memory for each call of the
 * kernel, copy what it holds of a body, and leave it to the garbage collector, which goes through everything for every hundred
 * megabytes of these.
 *
 * What was read has been used when the next call begins: the parser of HTTP copies what it gives on.
 */
export const SHARED_READING: { readonly onread: OnReadOpts } = {
  onread: {
    buffer: Buffer.allocUnsafeSlow(SIZE),
    callback(this: Socket, length: number, memory: Uint8Array): boolean {
      this.emit("data", Buffer.from(memory.buffer, memory.byteOffset, length));
      return true;
    },
  },
};
