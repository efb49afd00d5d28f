import { mapConcurrent } from "../../async/map-concurrent.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { decodeIndex, encodeIndex, type ListedPack } from "../../format/index-file.ts";
import { fromHex, toHex } from "../../bytes/hex.ts";
import { releaseBytes } from "../../bytes/release-memory.ts";
import type { PackEntry } from "../../format/pack-header.ts";
import { BlobIndex } from "../../repository/blob-index.ts";
import { IndexFiller } from "../../repository/load-index.ts";
import type { Repository } from "../../repository/repository.ts";
import type { PackMap } from "../verify/pack-map.ts";

/** An index file is complete at this many blobs (restic format, section 7). */
const FULL_BLOBS = 50_000;

interface KnownFile {
  /** Numbers of the packs that it lists. */
  readonly packs: Uint32Array;
  readonly blobs: number;
}

/** The index of a repository, and which of its files lists what. */
export class IndexFiles {
  readonly index: BlobIndex = new BlobIndex();
  readonly #repository: Repository;
  readonly #files = new Map<string, KnownFile>();

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** Names of the files that were loaded. */
  get names(): Iterable<string> {
    return this.#files.keys();
  }

  /**
   * Load the files that are there and were not loaded before. Returns the numbers of the packs in them, and the names of files that are gone.
   *
   * @throws {TsbakError} `corrupt` if one cannot be read.
   */
  async loadNew(
    options: CallOptions,
  ): Promise<{ readonly packs: ReadonlySet<number>; readonly gone: readonly string[] }> {
    const names = new Set(await this.#repository.listNames("index", options));
    const gone = [...this.#files.keys()].filter((name) => !names.has(name));
    const fresh = [...names].filter((name) => !this.#files.has(name));
    const packs = new Set<number>();
    const load = async (name: string): Promise<readonly [string, Uint8Array]> => [
      name,
      await this.#repository.loadFile("index", name, options),
    ];
    const { connections } = this.#repository.backend;
    for await (const [name, bytes] of mapConcurrent(fresh, load, { concurrency: connections })) {
      const file = this.#add(bytes);
      releaseBytes(bytes);
      this.#files.set(name, file);
      for (const pack of file.packs) packs.add(pack);
    }
    return { packs, gone };
  }

  #add(bytes: Uint8Array): KnownFile {
    const filler = new IndexFiller(this.index);
    const packs = new Set<number>();
    let blobs = 0;
    decodeIndex(bytes, {
      pack: (id) => {
        filler.pack(id);
        packs.add(this.index.packNumber(toHex(id, 0, 32)));
      },
      blob: (type, id, offset, length, uncompressedLength) => {
        blobs++;
        filler.blob(type, id, offset, length, uncompressedLength);
      },
    });
    return { packs: Uint32Array.from(packs), blobs };
  }

  /**
   * The files that cannot stay when these packs are to be in no index any more: those that list one of them, and with them those
   * that are not full, and those that list a pack that another file lists as well.
   */
  filesToReplace(condemned: ReadonlySet<number>): ReadonlySet<string> {
    const replaced = new Set<string>();
    const listed = new Set<number>();
    const repeated = new Set<number>();
    for (const { packs } of this.#files.values()) {
      for (const pack of packs) (listed.has(pack) ? repeated : listed).add(pack);
    }
    let isNeeded = false;
    for (const [name, { packs, blobs }] of this.#files) {
      const listsCondemned = packs.some((pack) => condemned.has(pack));
      if (listsCondemned) isNeeded = true;
      const isUntidy = blobs < FULL_BLOBS || packs.some((pack) => repeated.has(pack));
      if (listsCondemned || isUntidy) replaced.add(name);
    }
    return isNeeded ? replaced : new Set();
  }

  /** Numbers of the packs that these files list. */
  packsOf(files: Iterable<string>): ReadonlySet<number> {
    const packs = new Set<number>();
    for (const name of files)
      for (const pack of this.#files.get(name)?.packs ?? []) packs.add(pack);
    return packs;
  }

  /** Write index files that list these packs, as the index has them. Returns their names. */
  async save(packs: Iterable<number>, map: PackMap, options: CallOptions): Promise<string[]> {
    const names: string[] = [];
    let batch: number[] = [];
    let blobs = 0;
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return;
      const bytes = encodeIndex(this.#describe(batch, map), { packs: batch.length, blobs });
      names.push(await this.#repository.saveIndex(bytes, options));
      this.#files.set(names.at(-1) as string, { packs: Uint32Array.from(batch), blobs });
      batch = [];
      blobs = 0;
    };
    for (const pack of packs) {
      batch.push(pack);
      blobs += map.blobsIn(pack);
      if (blobs >= FULL_BLOBS) await flush();
    }
    await flush();
    return names;
  }

  /** Forget files that were removed. */
  drop(files: Iterable<string>): void {
    for (const name of files) this.#files.delete(name);
  }

  *#describe(packs: readonly number[], map: PackMap): Generator<ListedPack> {
    for (const pack of packs) {
      yield { id: this.index.packs[pack] as string, entries: this.#entriesOf(pack, map) };
    }
  }

  *#entriesOf(pack: number, map: PackMap): Generator<PackEntry> {
    for (const entry of map.entriesOf(pack)) {
      const { id, ...place } = this.index.entryAt(entry);
      yield { ...place, id: fromHex(id) };
    }
  }
}
