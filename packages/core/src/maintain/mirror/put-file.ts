import type { Backend, FileRef, WriteOptions } from "../../backend/backend.ts";
import { isTsbakError } from "../../errors.ts";

/** Store a file that is named by its contents: what is there already is what was to be written. */
export async function putFile(
  backend: Backend,
  ref: FileRef,
  bytes: Uint8Array,
  options: WriteOptions,
): Promise<void> {
  try {
    await backend.write(ref, bytes, options);
  } catch (error) {
    if (!isTsbakError(error, "already-exists")) throw error;
  }
}
