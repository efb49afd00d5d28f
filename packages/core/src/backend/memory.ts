import { throwIfAborted } from "../async/interrupted.ts";
import { TsbakError } from "../errors.ts";
import type { Backend, ByteRange, CallOptions, FileInfo, FileKind, FileRef } from "./backend.ts";
import { checkRange, checkRef, describeFile } from "./layout.ts";

/** How a memory backend presents itself. */
export interface MemoryBackendOptions {
  /** `memory` unless given. */
  readonly location?: string | undefined;
  /** 8 unless given. */
  readonly connections?: number | undefined;
}

/** A backend that lives as long as the object: for tests, and for trying things out. */
export class MemoryBackend implements Backend {
  readonly location: string;
  readonly connections: number;
  readonly #files = new Map<FileKind, Map<string, Uint8Array<ArrayBuffer>>>();

  constructor(options: MemoryBackendOptions = {}) {
    this.location = options.location ?? "memory";
    this.connections = options.connections ?? 8;
  }

  async create(options: CallOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
  }

  async write(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    checkRef(ref);
    throwIfAborted(options.signal);
    const files = this.#filesOf(ref.kind);
    if (files.has(ref.name)) {
      throw new TsbakError(
        "already-exists",
        `Cannot write ${describeFile(ref)}: it is there already`,
      );
    }
    files.set(ref.name, new Uint8Array(bytes));
  }

  async read(
    ref: FileRef,
    range?: ByteRange,
    options: CallOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(range);
    const file = this.#find(ref, options);
    if (range === undefined) return file.slice();
    if (range.offset + range.length > file.length) {
      throw new TsbakError(
        "corrupt",
        `Cannot read ${describeFile(ref)}: bytes up to ${range.offset + range.length} are wanted of ${file.length}`,
      );
    }
    return file.slice(range.offset, range.offset + range.length);
  }

  async stat(ref: FileRef, options: CallOptions = {}): Promise<FileInfo> {
    return { name: ref.name, size: this.#find(ref, options).length };
  }

  async *list(kind: FileKind, options: CallOptions = {}): AsyncIterable<FileInfo> {
    throwIfAborted(options.signal);
    for (const [name, file] of [...this.#filesOf(kind)]) {
      throwIfAborted(options.signal);
      yield { name, size: file.length };
    }
  }

  async remove(ref: FileRef, options: CallOptions = {}): Promise<void> {
    checkRef(ref);
    throwIfAborted(options.signal);
    this.#filesOf(ref.kind).delete(ref.name);
  }

  #find(ref: FileRef, options: CallOptions): Uint8Array<ArrayBuffer> {
    checkRef(ref);
    throwIfAborted(options.signal);
    const file = this.#filesOf(ref.kind).get(ref.name);
    if (file === undefined) {
      throw new TsbakError("not-found", `Cannot read ${describeFile(ref)}: it is not there`);
    }
    return file;
  }

  #filesOf(kind: FileKind): Map<string, Uint8Array<ArrayBuffer>> {
    let files = this.#files.get(kind);
    if (files === undefined) this.#files.set(kind, (files = new Map()));
    return files;
  }
}
