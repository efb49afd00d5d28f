import { randomBytes } from "node:crypto";

/**
 * The secret of a repository, the same under every password: restic-format section 3. Whoever has it can read and
 * forge everything. `macR` may come clamped (restic before 0.17) or raw; it is kept as it was read.
 */
export interface MasterKey {
  /** AES-256 key, 32 bytes. */
  readonly encrypt: Uint8Array;
  /** `k`, the AES-128 key that makes the one-time half of the Poly1305 key, 16 bytes. */
  readonly macK: Uint8Array;
  /** `r`, the constant half of the Poly1305 key, 16 bytes. */
  readonly macR: Uint8Array;
}

/** A new random key. */
export function generateMasterKey(): MasterKey {
  return masterKeyFromBytes(randomBytes(64));
}

/**
 * The key whose 64 bytes are `encrypt || macK || macR`, as scrypt yields them; copies them.
 *
 * @throws {RangeError} Unless there are exactly 64 bytes.
 */
export function masterKeyFromBytes(bytes: Uint8Array): MasterKey {
  if (bytes.length !== 64) throw new RangeError("Cannot make key: not 64 bytes");
  return {
    encrypt: Uint8Array.from(bytes.subarray(0, 32)),
    macK: Uint8Array.from(bytes.subarray(32, 48)),
    macR: Uint8Array.from(bytes.subarray(48, 64)),
  };
}

/** False if a part has the wrong length or is all zero: such a key protects nothing, and restic refuses it too. */
export function isValidMasterKey(key: MasterKey): boolean {
  return isNonZero(key.encrypt, 32) && isNonZero(key.macK, 16) && isNonZero(key.macR, 16);
}

function isNonZero(bytes: Uint8Array, length: number): boolean {
  return bytes.length === length && bytes.some((byte) => byte !== 0);
}
