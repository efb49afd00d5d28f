import type { Backend, CallOptions, FileRef } from "../../backend/backend.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";

/** The bytes of a file that is whole; or that it is damaged or not there. */
export type WholeFile = Uint8Array<ArrayBuffer> | "damaged" | "missing";

/**
 * Read a file and compare its hash with its name, which says that no byte of it was changed. What seems damaged is read once more: it may
 * have been on the way.
 *
 * @throws {TsbakError} What `read` throws, but `not-found` and `corrupt`.
 */
export async function readWhole(
  backend: Backend,
  ref: FileRef,
  options: CallOptions,
): Promise<WholeFile> {
  for (let attempt = 1; attempt <= 2; attempt++) {
    try {
      const bytes = await backend.read(ref, undefined, options);
      if (sha256Hex(bytes) === ref.name) return bytes;
    } catch (error) {
      if (isTsbakError(error, "not-found")) return "missing";
      if (!isTsbakError(error, "corrupt")) throw error;
    }
  }
  return "damaged";
}
