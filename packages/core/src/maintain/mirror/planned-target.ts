import {
  type Backend,
  type ByteRange,
  type FileInfo,
  type FileKind,
  type FileRef,
  type ReadOptions,
  type CallOptions,
} from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import { describeFile } from "../../backend/layout.ts";
import { WRITE_ORDER, type Listing } from "./listing.ts";

/**
 * The target of a dry run as a real run would leave it: what is to be copied is in it though it lies at the source only, what was written is
 * in memory, and what was removed is hidden. The target itself is only read.
 */
export class PlannedTarget implements Backend {
  readonly location: string;
  readonly connections: number;
  readonly #target: Backend;
  readonly #source: Backend;
  readonly #brought = new Map<FileKind, ReadonlyMap<string, number>>();
  readonly #written = new MemoryBackend();
  readonly #removed = new Set<string>();

  constructor(target: Backend, source: Backend) {
    this.location = target.location;
    this.connections = Math.min(target.connections, source.connections);
    this.#target = target;
    this.#source = source;
  }

  /** From now on these files of the source are here. */
  bring(files: Listing): void {
    for (const kind of WRITE_ORDER) this.#brought.set(kind, files[kind]);
  }

  async create(): Promise<void> {
    // There is nothing to be made.
  }

  async write(ref: FileRef, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#written.write(ref, bytes, options);
    this.#removed.delete(describeFile(ref));
  }

  async read(
    ref: FileRef,
    range?: ByteRange,
    options?: ReadOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#placeOf(ref)).read(ref, range, options);
  }

  async stat(ref: FileRef, options?: CallOptions): Promise<FileInfo> {
    return (await this.#placeOf(ref)).stat(ref, options);
  }

  async *list(kind: FileKind, options?: CallOptions): AsyncGenerator<FileInfo> {
    const seen = new Set<string>();
    const isNew = ({ name }: FileInfo): boolean =>
      !this.#removed.has(describeFile({ kind, name })) && seen.size < seen.add(name).size;
    for await (const file of this.#written.list(kind, options)) if (isNew(file)) yield file;
    for await (const file of this.#target.list(kind, options)) if (isNew(file)) yield file;
    for (const [name, size] of this.#brought.get(kind) ?? []) {
      if (isNew({ name, size })) yield { name, size };
    }
  }

  async remove(ref: FileRef, options?: CallOptions): Promise<void> {
    await this.#written.remove(ref, options);
    this.#removed.add(describeFile(ref));
  }

  async #placeOf(ref: FileRef): Promise<Backend> {
    if (this.#removed.has(describeFile(ref))) {
      throw new TsbakError("not-found", `Cannot read ${describeFile(ref)}: it would be removed`);
    }
    if (this.#brought.get(ref.kind)?.has(ref.name) === true) return this.#source;
    return (await isThere(this.#written, ref)) ? this.#written : this.#target;
  }
}

async function isThere(backend: Backend, ref: FileRef): Promise<boolean> {
  try {
    await backend.stat(ref);
    return true;
  } catch (error) {
    if (isTsbakError(error, "not-found")) return false;
    throw error;
  }
}
