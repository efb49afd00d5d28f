/** Bytes that one call of the kernel can give. */
const BUFFER_SIZE = 256 << 10;

/** Buffers for what a socket reads, which are used again when their bytes have gone on: new ones cost more than the copying. */
export class ReusedBuffers {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE);
  }

  /** Take back the buffer that a piece is a part of, if it is one of these. */
  giveBack(piece: Buffer): void {
    if (piece.buffer.byteLength === BUFFER_SIZE) this.#free.push(Buffer.from(piece.buffer));
  }
}
