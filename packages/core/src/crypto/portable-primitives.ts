import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { ctr, ecb } from "@noble/ciphers/aes.js";
import type { CryptoPrimitives } from "./primitives.ts";

/** Everything from @noble: runs wherever JavaScript does, at a tenth of the speed or less. */
export const portablePrimitives: CryptoPrimitives = {
  name: "portable",
  counterMode: (key) => (counter, bytes, out) => {
    out.set(ctr(key, Uint8Array.from(counter)).encrypt(plain(bytes)));
  },
  blockCipher: (key) => (block, out, offset) => {
    out.set(ecb(key, { disablePadding: true }).encrypt(plain(block)), offset);
  },
  poly1305: (tag, message, key) => {
    tag.set(poly1305(plain(message), plain(key)));
  },
};

/** Noble tells Buffers from arrays; a plain view of the same bytes is always accepted. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}
