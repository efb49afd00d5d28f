import { randomBytes } from "node:crypto";
import { forEachConcurrent } from "../../async/map-concurrent.ts";
import type { Backend, FileInfo, FileRef } from "../../backend/backend.ts";
import { sha256Hex } from "../../crypto/sha256.ts";

/** A file that nobody else has: random bytes, named by their hash as servers may demand. */
export interface ScratchFile {
  readonly ref: FileRef;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The files of an assessment. All are of kind `lock`, because those can be removed even where nothing else can: on a server that
 * only appends, or in a bucket that retains what it gets.
 */
export class ScratchFiles {
  readonly backend: Backend;
  readonly signal: AbortSignal | undefined;
  readonly #present = new Map<string, FileRef>();

  constructor(backend: Backend, signal: AbortSignal | undefined) {
    this.backend = backend;
    this.signal = signal;
  }

  /** Make one up; it is not written yet. */
  invent(size: number): ScratchFile {
    const bytes = new Uint8Array(randomBytes(size));
    return { ref: { kind: "lock", name: sha256Hex(bytes) }, bytes };
  }

  async write({ ref, bytes }: ScratchFile): Promise<void> {
    // Noted before: a write that fails may have taken effect.
    this.#present.set(ref.name, ref);
    await this.backend.write(ref, bytes, { signal: this.signal });
  }

  async create(size: number): Promise<ScratchFile> {
    const file = this.invent(size);
    await this.write(file);
    return file;
  }

  async remove(ref: FileRef, signal: AbortSignal | undefined = this.signal): Promise<void> {
    await this.backend.remove(ref, { signal });
    this.#present.delete(ref.name);
  }

  async list(): Promise<FileInfo[]> {
    const files: FileInfo[] = [];
    for await (const file of this.backend.list("lock", { signal: this.signal })) files.push(file);
    return files;
  }

  /** Remove what is left, whatever became of `this.signal`; gives how many files resisted. */
  async removeAll(signal: AbortSignal): Promise<number> {
    const remove = async (ref: FileRef): Promise<void> => {
      await this.remove(ref, signal).catch(() => undefined);
    };
    const concurrency = this.backend.connections;
    await forEachConcurrent([...this.#present.values()], remove, { concurrency });
    return this.#present.size;
  }
}
