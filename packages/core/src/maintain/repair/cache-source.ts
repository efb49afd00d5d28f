import type { CacheReader } from "../../backend/cache-reader.ts";
import { toHex } from "../../bytes/hex.ts";
import { isTsbakError } from "../../errors.ts";
import type { PackEntry } from "../../format/pack-header.ts";
import { openBlob } from "../../repository/read-blob.ts";
import type { Repository } from "../../repository/repository.ts";
import type { BlobSource, FoundBlob, LostBlob } from "./blob-source.ts";
import { headerEntries } from "./salvage-pack.ts";

/** The packs of trees in the cache of this machine, found by their own headers, whatever the index has become. */
export class CacheSource implements BlobSource {
  readonly title = "the cache";
  readonly #repository: Repository;
  readonly #cache: CacheReader;
  #places: Map<string, { readonly pack: string; readonly entry: PackEntry }> | undefined;

  constructor(repository: Repository, cache: CacheReader) {
    this.#repository = repository;
    this.#cache = cache;
  }

  async *find(lost: readonly LostBlob[]): AsyncIterable<FoundBlob> {
    this.#places ??= this.#readHeaders();
    for (const { type, id } of lost) {
      const place = this.#places.get(`${type} ${id}`);
      const plain = place && this.#open(place.pack, place.entry, id);
      if (plain !== undefined) yield { type, id, plain };
    }
  }

  #readHeaders(): Map<string, { pack: string; entry: PackEntry }> {
    const places = new Map<string, { pack: string; entry: PackEntry }>();
    for (const pack of this.#cache.list("pack")) {
      const bytes = this.#cache.read("pack", pack);
      if (bytes === undefined) continue;
      for (const entry of headerEntries(this.#repository, bytes)) {
        places.set(`${entry.type} ${toHex(entry.id)}`, { pack, entry });
      }
    }
    return places;
  }

  #open(pack: string, entry: PackEntry, id: string): Uint8Array | undefined {
    const bytes = this.#cache.read("pack", pack);
    try {
      const sealed = bytes?.subarray(entry.offset, entry.offset + entry.length);
      return sealed && openBlob(this.#repository, sealed, entry, id);
    } catch (error) {
      if (isTsbakError(error, "corrupt")) return undefined;
      throw error;
    }
  }
}
