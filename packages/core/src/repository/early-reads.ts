import { anySignal } from "../async/any-signal.ts";
import { untilAborted } from "../async/interrupted.ts";
import type { Backend, CallOptions, FileInfo, FileRef } from "../backend/backend.ts";
import { passedOn } from "../backend/wrap-calls.ts";

/** What the first work on a repository will ask its store for. */
export interface EarlyWish {
  /** The list of locks, for who is going to take one. */
  readonly locks?: boolean | undefined;
  /** The list of snapshots, for who looks for one of them. */
  readonly snapshots?: boolean | undefined;
  /** The list of index files. */
  readonly index?: boolean | undefined;
  /** The index files too, for who reads them from the store and not from a cache. */
  readonly indexFiles?: boolean | undefined;
  /** The first packs, whole, for who reads all of them. */
  readonly packs?: boolean | undefined;
}

/** Undefined if it was not to be had. */
type EarlyList = Promise<readonly FileInfo[] | undefined>;

/** In milliseconds. Nobody should find locks of a while ago. */
const LONGEST_AGE = 5_000;
/** In bytes, of all index files together: what comes while a key is derived. */
const MOST_BYTES = 16 << 20;
/** In bytes, of all packs together. */
const MOST_PACK_BYTES = 64 << 20;
/** Connections that are left to others while contents are read that nobody waits for yet: lists go before. */
export const FREE_CONNECTIONS: number = 2;

/**
 * Asks a distant store for what is sure to be wanted while the processor derives the key. What it answers is the beginning of the
 * work, never the last word: locks are looked at again when ours is there, and index files are listed again under it.
 *
 * Failures are kept to itself; whoever wants to read what failed asks again.
 */
export class EarlyReads {
  /** The same store, where the first listing of locks, and the first reading of each file, is answered from what was asked early. */
  readonly backend: Backend;
  readonly #store: Backend;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #files = new Map<string, Promise<Uint8Array<ArrayBuffer> | undefined>>();
  #locks: EarlyList | undefined;
  #snapshots: EarlyList | undefined;
  #index: EarlyList | undefined;
  #startedAt = 0;

  constructor(store: Backend, { signal }: CallOptions = {}) {
    this.#store = store;
    this.#signal = anySignal(signal, this.#stop.signal);
    this.backend = this.#inFront(store);
  }

  /** Begin, unless that was done before. */
  start({ locks, snapshots, index, indexFiles, packs }: EarlyWish): void {
    if (this.#startedAt > 0) return;
    this.#startedAt = performance.now();
    if (locks === true) this.#locks = this.#list("lock");
    if (snapshots === true) this.#snapshots = this.#list("snapshot");
    if (index === true || indexFiles === true) this.#index = this.#list("index");
    if (indexFiles === true) void this.#index?.then((files) => this.#readIndex(files ?? []));
    if (packs === true) void this.#readPacks();
  }

  /** End what is under way and let go of what came: the repository does not open, or its first work is over. */
  stop(): void {
    this.#stop.abort();
    this.#files.clear();
  }

  /** Names of the index files as they were early; undefined if they were not asked for, or not to be had. */
  async indexNames(): Promise<readonly string[] | undefined> {
    return (await this.#index)?.map(({ name }) => name);
  }

  /** The snapshots as they were early, in the same way. Whatever lists index files later lists all that these need. */
  async snapshotFiles(): EarlyList {
    return this.#snapshots;
  }

  async #list(kind: "lock" | "snapshot" | "index"): EarlyList {
    try {
      const files: FileInfo[] = [];
      for await (const file of this.#store.list(kind, { signal: this.#signal })) files.push(file);
      return files;
    } catch {
      return undefined;
    }
  }

  #readIndex(files: readonly FileInfo[]): void {
    let bytes = 0;
    for (const { name, size } of files) {
      bytes += size;
      if (bytes <= MOST_BYTES) this.#begin({ kind: "index", name });
    }
  }

  /** As many as can be read at once. Only the first page of the list is asked for. */
  async #readPacks(): Promise<void> {
    let left = this.#store.connections - FREE_CONNECTIONS;
    let bytes = 0;
    try {
      // Threads read for themselves what is at hand.
      if (left <= 0 || this.#store.openFile !== undefined) return;
      for await (const { name, size } of this.#store.list("pack", { signal: this.#signal })) {
        bytes += size;
        if (bytes > MOST_PACK_BYTES) return;
        this.#begin({ kind: "pack", name });
        if (--left === 0) return;
      }
    } catch {
      // Whoever lists them again meets the failure.
    }
  }

  #begin(ref: FileRef): void {
    const reading = this.#store.read(ref, undefined, { signal: this.#signal });
    this.#files.set(
      `${ref.kind} ${ref.name}`,
      reading.catch(() => undefined),
    );
  }

  #inFront(store: Backend): Backend {
    return {
      ...passedOn(store),
      ...(store.removeMany && { removeMany: store.removeMany.bind(store) }),
      create: (options) => store.create(options),
      write: (ref, bytes, options) => store.write(ref, bytes, options),
      stat: (ref, options) => store.stat(ref, options),
      remove: (ref, options) => store.remove(ref, options),
      read: async (ref, range, options) =>
        (range === undefined && (await this.#take(ref, options))) ||
        store.read(ref, range, options),
      list: (kind, options) =>
        kind === "lock" ? this.#listLocks(options) : store.list(kind, options),
    };
  }

  async #take(
    { kind, name }: FileRef,
    options: CallOptions | undefined,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const key = `${kind} ${name}`;
    const reading = this.#files.get(key);
    this.#files.delete(key);
    return reading && untilAborted(reading, options?.signal);
  }

  async *#listLocks(options: CallOptions | undefined): AsyncIterable<FileInfo> {
    const early = this.#locks;
    this.#locks = undefined;
    const files = early && (await untilAborted(early, options?.signal));
    const isFresh = performance.now() - this.#startedAt < LONGEST_AGE;
    yield* files !== undefined && isFresh ? files : this.#store.list("lock", options);
  }
}
