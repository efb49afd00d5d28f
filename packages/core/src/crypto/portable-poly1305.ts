import { poly1305 } from "@noble/ciphers/_poly1305.js";
import type { Poly1305 } from "./primitives.ts";

/** Poly1305 from @noble, 255 MB/s. */
export const portablePoly1305: Poly1305 = (tag, message, key) => {
  tag.set(poly1305(plainArray(message), plainArray(key)));
};

/** Noble tells Buffers from arrays; a plain view of the same bytes is always accepted. */
export function plainArray(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}
