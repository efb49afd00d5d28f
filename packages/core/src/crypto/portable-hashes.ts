/**
 * The hashes of this folder without native code: proof that those are right, and far slower. Apart from them, so that
 * a program need not load what it does not run.
 *
 * @module
 */
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { masterKeyFromBytes } from "./master-key.ts";
import type { MasterKey } from "./master-key.ts";
import type { KdfParams } from "./scrypt.ts";

/** As `sha256`. */
export function portableSha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(bytes));
}

/** As `deriveKey`, but the parameters are not checked. */
export async function portableDeriveKey(
  password: string,
  salt: Uint8Array,
  params: KdfParams,
): Promise<MasterKey> {
  const options = { ...params, dkLen: 64 };
  return masterKeyFromBytes(await scryptAsync(password, Uint8Array.from(salt), options));
}
