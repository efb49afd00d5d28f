import { Breath } from "../async/breath.ts";
import { throwIfAborted } from "../async/interrupted.ts";
import type { CallOptions } from "../backend/backend.ts";
import { fromHex } from "../bytes/hex.ts";
import { isTsbakError } from "../errors.ts";
import type { BlobIndex } from "./blob-index.ts";
import { openBlob, readBlob } from "./read-blob.ts";
import type { Repository } from "./repository.ts";

/** Whole tree packs kept in memory: trees of one backup lie side by side in few packs. */
const KEPT_PACKS = 3;

/**
 * Reads trees by the pack rather than one by one: a whole pack costs one call of the backend and stays at hand for
 * its other trees.
 */
export class TreeLoader {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #options: CallOptions;
  readonly #packs = new Map<string, Uint8Array>();
  readonly #breath = new Breath();
  readonly #pending = new Map<string, Promise<Uint8Array>>();

  constructor(repository: Repository, index: BlobIndex, options: CallOptions = {}) {
    this.#repository = repository;
    this.#index = index;
    this.#options = options;
  }

  /**
   * The plain bytes of a tree, authenticated. Now and then it waits, so that whoever goes through all trees can be interrupted.
   *
   * @throws {TsbakError} `not-found` or `corrupt` if no copy can be read, or `interrupted`.
   */
  async load(id: string): Promise<Uint8Array> {
    await this.#breath.take();
    throwIfAborted(this.#options.signal);
    const entry = this.#index.find("tree", fromHex(id));
    if (entry >= 0) {
      const place = this.#index.locationAt(entry);
      try {
        const pack = this.#packs.get(place.pack) ?? (await this.#loadPack(place.pack));
        const sealed = pack.subarray(place.offset, place.offset + place.length);
        return openBlob(this.#repository, sealed, place, id);
      } catch (error) {
        if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
        // It may be only our copy that is damaged.
        this.#packs.delete(place.pack);
        this.#repository.cache?.forget({ kind: "pack", name: place.pack });
      }
    }
    // Any other copy, and if there is none, the reason.
    return readBlob(this.#repository, this.#index, "tree", id, this.#options);
  }

  /** Let go of the packs at hand. */
  clear(): void {
    this.#packs.clear();
  }

  async #loadPack(name: string): Promise<Uint8Array> {
    let pending = this.#pending.get(name);
    if (pending === undefined) {
      pending = this.#repository.backend.read({ kind: "pack", name }, undefined, this.#options);
      this.#pending.set(name, pending);
    }
    try {
      const pack = await pending;
      this.#repository.cache?.rememberPack(name, pack);
      this.#keep(name, pack);
      return pack;
    } finally {
      this.#pending.delete(name);
    }
  }

  #keep(name: string, pack: Uint8Array): void {
    this.#packs.delete(name);
    this.#packs.set(name, pack);
    for (const oldest of this.#packs.keys()) {
      if (this.#packs.size <= KEPT_PACKS) return;
      this.#packs.delete(oldest);
    }
  }
}
