import { ctr, ecb } from "@noble/ciphers/aes.js";
import { plainArray, portablePoly1305 } from "./portable-poly1305.ts";
import type { CryptoPrimitives } from "./primitives.ts";

/** Everything from @noble: runs wherever JavaScript does, at a tenth of the speed or less. */
export const portablePrimitives: CryptoPrimitives = {
  name: "portable",
  counterMode: (key) => (counter, bytes, out) => {
    out.set(ctr(key, Uint8Array.from(counter)).encrypt(plainArray(bytes)));
  },
  blockCipher: (key) => (block, out, offset) => {
    out.set(ecb(key, { disablePadding: true }).encrypt(plainArray(block)), offset);
  },
  poly1305: portablePoly1305,
};
