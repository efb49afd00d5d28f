import type { CallOptions, ByteRange, FileRef } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";

/** A backend in memory that counts the bytes which are read of packs, and can hand them out damaged. For tests. */
export class CountingBackend extends MemoryBackend {
  packBytes = 0;
  /** Changes what is read of a pack. */
  damage: ((bytes: Uint8Array) => void) | undefined;

  override async read(
    ref: FileRef,
    range?: ByteRange,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.read(ref, range, options);
    if (ref.kind !== "pack") return bytes;
    this.packBytes += bytes.length;
    this.damage?.(bytes);
    return bytes;
  }
}
