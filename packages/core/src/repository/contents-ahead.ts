import { untilAborted } from "../async/interrupted.ts";
import { Semaphore } from "../async/semaphore.ts";
import type { Backend, ByteRange, ReadOptions } from "../backend/backend.ts";
import type { Node } from "../format/node.ts";
import type { BlobIndex } from "./blob-index.ts";
import { FREE_CONNECTIONS } from "./early-reads.ts";

/** Contents of a pack that lie near each other. Offsets in the pack, in bytes. */
interface Run {
  start: number;
  end: number;
  /** How many of the bytes from start to end are wanted. */
  wanted: number;
  /** Contents that lie too far away. */
  strays: number;
}

/** A part of a pack that is fetched; it begins and ends with a blob. */
interface Part {
  readonly pack: string;
  readonly start: number;
  readonly end: number;
  /** Undefined if it was not to be had. */
  readonly bytes: Promise<Uint8Array | undefined>;
}

/** In bytes: of so many wanted ones a part is made, unless more than half as many lie in between. */
const PART_SIZE = 6 << 20;
const LARGEST_PART = 9 << 20;
/** After so many the run is given up for a new one. */
const MOST_STRAYS = 16;
/** In bytes, of all parts together. */
const MOST_BYTES = 32 << 20;

/**
 * Fetches the first contents of a snapshot while its trees are read, before it is certain that it is to be restored. What is fetched lies close
 * together, so that little comes that nobody wants. Nothing is authenticated yet.
 */
export class ContentsAhead {
  readonly #backend: Backend;
  readonly #index: BlobIndex;
  readonly #turns: Semaphore;
  readonly #stop = new AbortController();
  readonly #runs = new Map<number, Run>();
  readonly #parts = new Set<Part>();
  readonly #id = Buffer.alloc(32);
  #bytes = 0;

  constructor(backend: Backend, index: BlobIndex) {
    this.#backend = backend;
    this.#index = index;
    this.#turns = new Semaphore(Math.max(backend.connections - FREE_CONNECTIONS, 1));
  }

  /** Files that are to be restored, in their order: begin to fetch, if enough of their contents lies together. */
  note(nodes: readonly Pick<Node, "content">[]): void {
    for (const { content } of nodes)
      for (const id of content ?? []) {
        this.#id.write(id, "hex");
        const entry = this.#index.find("data", this.#id);
        if (entry >= 0) this.#want(entry);
      }
  }

  /** What was fetched together: the same for all offsets in it, and undefined for those in none. */
  partAt(pack: string, offset: number): unknown {
    return this.#find(pack, offset);
  }

  /**
   * Bytes of a pack, in the caller's memory, which is long enough; undefined unless all of them were fetched.
   *
   * @throws {TsbakError} `interrupted` as soon as `signal` is aborted.
   */
  async read(
    pack: string,
    { offset, length }: ByteRange,
    { into, signal }: ReadOptions & { readonly into: ArrayBuffer },
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const part = this.#find(pack, offset);
    if (part === undefined || offset + length > part.end) return undefined;
    const found = await untilAborted(part.bytes, signal);
    if (found === undefined) return undefined;
    const bytes = new Uint8Array(into, 0, length);
    bytes.set(found.subarray(offset - part.start, offset - part.start + length));
    // Whoever reads in order has all of it then.
    if (offset + length === part.end) this.#parts.delete(part);
    return bytes;
  }

  /** Let go of what nobody has asked for, and fetch no more. */
  clear(): void {
    this.#stop.abort();
    this.#parts.clear();
  }

  #find(pack: string, offset: number): Part | undefined {
    for (const part of this.#parts)
      if (part.pack === pack && part.start <= offset && offset < part.end) return part;
    return undefined;
  }

  #want(entry: number): void {
    const pack = this.#index.packNumberAt(entry);
    const name = this.#index.packs[pack] as string;
    const start = this.#index.offsetAt(entry);
    if (this.#find(name, start) !== undefined) return;
    const length = this.#index.lengthAt(entry);
    const end = start + length;
    const run = this.#runs.get(pack);
    const isStray =
      run !== undefined && Math.max(run.end, end) - Math.min(run.start, start) > LARGEST_PART;
    if (isStray && ++run.strays < MOST_STRAYS) return;
    if (run === undefined || isStray) {
      this.#runs.set(pack, { start, end, wanted: length, strays: 0 });
      return;
    }
    run.start = Math.min(run.start, start);
    run.end = Math.max(run.end, end);
    run.wanted += length;
    if (run.wanted < PART_SIZE) return;
    this.#runs.delete(pack);
    this.#fetch(name, run);
  }

  #fetch(pack: string, { start, end }: Run): void {
    if (this.#stop.signal.aborted || this.#bytes + end - start > MOST_BYTES) return;
    this.#bytes += end - start;
    this.#parts.add({ pack, start, end, bytes: this.#read(pack, start, end) });
  }

  async #read(name: string, start: number, end: number): Promise<Uint8Array | undefined> {
    const { signal } = this.#stop;
    try {
      const release = await this.#turns.acquire(signal);
      try {
        const range = { offset: start, length: end - start };
        return await this.#backend.read({ kind: "pack", name }, range, { signal });
      } finally {
        release();
      }
    } catch {
      // Whoever asks fetches it again, and meets the failure.
      return undefined;
    }
  }
}
