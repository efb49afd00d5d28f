import type { FileRef, WriteOptions } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";

/** A backend in memory that notes which packs were written as contents of files only. For tests. */
export class MarkingBackend extends MemoryBackend {
  readonly contents: Set<string> = new Set();

  override async write(ref: FileRef, bytes: Uint8Array, options?: WriteOptions): Promise<void> {
    await super.write(ref, bytes, options);
    if (options?.isContents !== true) return;
    if (ref.kind !== "pack") throw new Error(`a ${ref.kind} holds no contents`);
    this.contents.add(ref.name);
  }
}
