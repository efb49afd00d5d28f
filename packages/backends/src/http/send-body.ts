import type { Writable } from "node:stream";

/** TLS and HTTP/2 keep a copy of what is being written. */
const PIECE_SIZE = 256 << 10;

/**
 * Write all of `body` and end the stream. A failure is the stream's to tell. The bytes are not copied here, and may lie in
 * shared memory.
 */
export function sendBody(stream: Writable, body: Uint8Array | undefined): void {
  const length = body?.length ?? 0;
  let at = 0;
  const next = (error?: Error | null): void => {
    if (error || stream.destroyed) return;
    if (body === undefined || at >= length) {
      stream.end();
      return;
    }
    const size = Math.min(PIECE_SIZE, length - at);
    const piece = Buffer.from(body.buffer, body.byteOffset + at, size);
    at += size;
    stream.write(piece, next);
  };
  next();
}
