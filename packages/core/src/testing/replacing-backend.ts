import type { CallOptions, FileRef } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";

/** A backend in memory that can replace files. For tests. */
export class ReplacingBackend extends MemoryBackend {
  async replace(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    // Nothing comes between: neither of the two waits for anything.
    const removing = this.remove(ref, options);
    const writing = this.write(ref, bytes, options);
    await Promise.all([removing, writing]);
  }
}
