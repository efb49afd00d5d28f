import type { Writable } from "node:stream";

import type { OnBytes } from "@tsbak/core";

/** Small enough that a limited line is smooth. TLS and HTTP/2 keep a copy of what is being written. */
const PIECE_SIZE = 64 << 10;

/**
 * Write all of `body`, each piece as soon as `onBytes` lets it pass, and end the stream. A failure is the stream's to tell. The bytes
 * are not copied here, and may lie in shared memory.
 */
export function sendBody(stream: Writable, body: Uint8Array | undefined, onBytes?: OnBytes): void {
  const length = body?.length ?? 0;
  let at = 0;
  const fail = (error: Error): void => void stream.destroy(error);
  const next = (error?: Error | null): void => {
    if (error || stream.destroyed) return;
    if (body === undefined || at >= length) {
      stream.end();
      return;
    }
    const size = Math.min(PIECE_SIZE, length - at);
    const piece = Buffer.from(body.buffer, body.byteOffset + at, size);
    at += size;
    const held = onBytes?.(size);
    if (held === undefined) stream.write(piece, next);
    else held.then(() => stream.destroyed || stream.write(piece, next), fail);
  };
  next();
}
