import type { CallOptions } from "../backend/backend.ts";
import { fromHex } from "../bytes/hex.ts";
import type { BlobIndex } from "./blob-index.ts";
import type { SharedIndexView } from "./shared-index.ts";
import { BlobMemory } from "./blob-memory.ts";
import type { BlobOpener } from "./read-blob.ts";
import type { Repository } from "./repository.ts";

/** Whole tree packs kept in memory: trees of one backup lie side by side in few packs. */
const KEPT_PACKS = 3;

/** A pack in memory that all threads see. */
export interface SharedPack {
  /** As the index numbers packs. */
  readonly number: number;
  readonly bytes: SharedArrayBuffer;
}

/** Brings whole packs of trees into shared memory, so that threads can open the trees in them on their own. */
export class TreePacks {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #options: CallOptions;
  readonly #packs = new Map<number, Promise<SharedPack>>();

  constructor(repository: Repository, index: BlobIndex, options: CallOptions = {}) {
    this.#repository = repository;
    this.#index = index;
    this.#options = options;
  }

  /**
   * The pack that holds a tree; undefined if the index does not know it. Nothing is authenticated yet.
   *
   * @throws {TsbakError} as the backend's `read`.
   */
  async packOf(id: string): Promise<SharedPack | undefined> {
    const entry = this.#index.find("tree", fromHex(id));
    if (entry < 0) return undefined;
    const number = this.#index.packNumberAt(entry);
    const loading = this.#packs.get(number) ?? this.#load(number);
    this.#keep(number, loading);
    try {
      return await loading;
    } catch (error) {
      this.#packs.delete(number);
      throw error;
    }
  }

  async #load(number: number): Promise<SharedPack> {
    const name = this.#index.packs[number] as string;
    const ref = { kind: "pack", name } as const;
    const pack = await this.#repository.backend.read(ref, undefined, this.#options);
    this.#repository.cache?.rememberPack(name, pack);
    const bytes = new SharedArrayBuffer(pack.length);
    new Uint8Array(bytes).set(pack);
    return { number, bytes };
  }

  #keep(number: number, loading: Promise<SharedPack>): void {
    this.#packs.delete(number);
    this.#packs.set(number, loading);
    for (const oldest of this.#packs.keys()) {
      if (this.#packs.size <= KEPT_PACKS) return;
      this.#packs.delete(oldest);
    }
  }
}

/** Opens the trees of shared packs in a worker thread. */
export class SharedTreeReader {
  readonly #index: SharedIndexView;
  readonly #memory: BlobMemory;
  readonly #packs = new Map<number, Uint8Array>();

  constructor(index: SharedIndexView, { opener, zstd }: BlobOpener) {
    this.#index = index;
    this.#memory = new BlobMemory(opener, zstd);
  }

  /** Have a pack at hand, in place of the one that came first. */
  add({ number, bytes }: SharedPack): void {
    if (this.#packs.has(number)) return;
    this.#packs.set(number, new Uint8Array(bytes));
    const [oldest] = this.#packs.keys();
    if (this.#packs.size > KEPT_PACKS) this.#packs.delete(oldest as number);
  }

  /** True if the pack of a tree is at hand. */
  has(id: string): boolean {
    return this.#packOf(this.#entryOf(id)) !== undefined;
  }

  /**
   * The plain bytes of a tree, good until the next call; undefined if its pack is not at hand.
   *
   * @throws {TsbakError} `corrupt` if they are damaged.
   */
  read(id: string): Uint8Array | undefined {
    const entry = this.#entryOf(id);
    const pack = this.#packOf(entry);
    if (pack === undefined) return undefined;
    const offset = this.#index.offsetAt(entry);
    const length = this.#index.lengthAt(entry);
    // A copy, because it is decrypted in place, and other threads read the pack.
    const sealed = this.#memory.scratch(length);
    sealed.set(pack.subarray(offset, offset + length));
    return this.#memory.open(sealed, this.#index.uncompressedLengthAt(entry), id);
  }

  #entryOf(id: string): number {
    return this.#index.find("tree", fromHex(id));
  }

  #packOf(entry: number): Uint8Array | undefined {
    return entry < 0 ? undefined : this.#packs.get(this.#index.packNumberAt(entry));
  }
}
