import { createCipheriv, createSecretKey } from "node:crypto";
import { createRequire } from "node:module";
import { portablePoly1305 } from "./portable-poly1305.ts";
import type { BlockCipher, CounterMode, CryptoPrimitives, Poly1305 } from "./primitives.ts";

/** AES from node:crypto; Poly1305, which it lacks, from sodium-native where that can be loaded. */
export function loadNodePrimitives(): CryptoPrimitives {
  const sodiumPoly1305 = loadSodiumPoly1305();
  return {
    name: sodiumPoly1305 === undefined ? "node:crypto" : "node:crypto and sodium",
    counterMode: makeCounterMode,
    blockCipher: makeBlockCipher,
    poly1305: sodiumPoly1305 ?? portablePoly1305,
  };
}

function makeCounterMode(key: Uint8Array): CounterMode {
  // Given bytes instead of this, Node 24 looks for the cipher anew each time: 10 us, not 0.8.
  const secret = createSecretKey(key);
  return (counter, bytes, out) => {
    out.set(createCipheriv("aes-256-ctr", secret, counter).update(bytes));
  };
}

function makeBlockCipher(key: Uint8Array): BlockCipher {
  const cipher = createCipheriv("aes-128-ecb", createSecretKey(key), null).setAutoPadding(false);
  return (block, out, offset) => {
    out.set(cipher.update(block), offset);
  };
}

function loadSodiumPoly1305(): Poly1305 | undefined {
  try {
    const require = createRequire(import.meta.url);
    const sodium = require("sodium-native") as { crypto_onetimeauth: Poly1305 };
    sodium.crypto_onetimeauth(new Uint8Array(16), new Uint8Array(1), new Uint8Array(32));
    return sodium.crypto_onetimeauth;
  } catch {
    return undefined;
  }
}
