import { mapConcurrent } from "../../async/map-concurrent.ts";
import type { CallOptions, FileInfo } from "../../backend/backend.ts";
import { fromHex } from "../../bytes/hex.ts";
import { isTsbakError } from "../../errors.ts";
import type { PackEntry } from "../../format/pack-header.ts";
import { BlobIndex } from "../../repository/blob-index.ts";
import { readPackHeader } from "../../repository/read-pack-header.ts";
import type { Repository } from "../../repository/repository.ts";
import { surveyIndex, type IndexSurvey } from "../../repository/survey-index.ts";
import { PackMap } from "../verify/pack-map.ts";

/** What is found and done while the index is repaired, for whoever shows it. Sizes in bytes. */
export type RepairIndexEvent =
  /** An index file is damaged and will be replaced. */
  | { readonly kind: "index-damaged"; readonly name: string; readonly reason: string }
  /** A pack that no index file lists, or that the index lists but is not there. */
  | { readonly kind: "pack-added" | "pack-missing"; readonly name: string }
  /** The index lists this pack with other blobs than fit into it, or in two ways. */
  | {
      readonly kind: "pack-reread";
      readonly name: string;
      readonly size: number;
      readonly expectedSize: number;
    }
  /** The header of a pack cannot be read. If an index file lists it, that stays as far as it can be true. */
  | {
      readonly kind: "pack-unreadable";
      readonly name: string;
      readonly reason: string;
      readonly isListed: boolean;
    }
  | {
      readonly kind: "progress";
      readonly phase: "packs-read" | "indexes-written" | "indexes-removed";
      readonly done: number;
      readonly total: number;
    };

/** How an index is planned. */
export interface IndexPlanOptions {
  /** Read the headers of all packs, whatever the index says. */
  readonly readAllPacks?: boolean | undefined;
  /** Packs that are not to be added to the index, though they are there. */
  readonly leaveOut?: ReadonlySet<string> | undefined;
  readonly onEvent?: ((event: RepairIndexEvent) => void) | undefined;
}

/** What a new index is made of. */
export interface IndexPlan {
  /** Everything that is to be listed anew. */
  readonly listed: BlobIndex;
  /** Names of index files that are of no more use when that is durable. */
  readonly obsolete: readonly string[];
}

/** Reads what is there and plans an index that is true to it. Nothing is written. */
export class IndexPlanner {
  readonly #repository: Repository;
  readonly #options: IndexPlanOptions;
  readonly #call: CallOptions;
  readonly #old: IndexSurvey;
  readonly #map: PackMap;
  readonly #listed = new BlobIndex();
  /** By number of the pack: 1 if an index file lists it that can be read to its end. */
  readonly #isListed: Uint8Array;
  /** Numbers of packs of the old index whose entries do not stay as they are. */
  readonly #changed = new Set<number>();

  constructor(
    repository: Repository,
    old: IndexSurvey,
    options: IndexPlanOptions,
    call: CallOptions,
  ) {
    this.#repository = repository;
    this.#old = old;
    this.#map = new PackMap(old.index);
    this.#options = options;
    this.#call = call;
    this.#isListed = new Uint8Array(old.index.packs.length);
    for (const packs of old.listings.values()) for (const pack of packs) this.#isListed[pack] = 1;
  }

  /**
   * @throws {TsbakError} if anything cannot be read for another reason than damage: what is out of reach for a while must not
   * be taken for lost.
   */
  async plan(): Promise<IndexPlan> {
    const damaged = this.#damagedFiles();
    const files = await this.#listPacks();
    await this.#readHeaders(files);
    const { index, repeated, listings } = this.#old;
    for (const name of repeated) this.#changed.add(index.packNumber(name));
    const obsolete = new Set(damaged);
    for (const [name, packs] of listings) {
      if (packs.some((pack) => this.#changed.has(pack))) obsolete.add(name);
    }
    for (const name of repeated) this.#take(index.packNumber(name));
    for (const name of obsolete) {
      for (const pack of listings.get(name) ?? []) {
        if (!this.#changed.has(pack)) this.#take(pack);
      }
    }
    return { listed: this.#listed, obsolete: [...obsolete] };
  }

  #damagedFiles(): string[] {
    return this.#old.damaged.flatMap(({ name, error }) => {
      if (error.code === "not-found") return [];
      if (error.code !== "corrupt") throw error;
      this.#tell({ kind: "index-damaged", name, reason: error.message });
      return [name];
    });
  }

  /** The packs whose headers are to be read; those that are not there are noted. */
  async #listPacks(): Promise<FileInfo[]> {
    const { index, conflicting } = this.#old;
    const conflicts = new Set(conflicting);
    const present = new Set<string>();
    const files: FileInfo[] = [];
    for await (const file of this.#repository.backend.list("pack", this.#call)) {
      const { name, size } = file;
      present.add(name);
      const expectedSize = this.#hasListed(name) ? this.#map.sizeOf(index.packNumber(name)) : -1;
      if (expectedSize < 0 && this.#options.leaveOut?.has(name) === true) continue;
      const isTrue = size === expectedSize && !conflicts.has(name);
      if (isTrue && this.#options.readAllPacks !== true) continue;
      files.push(file);
      if (expectedSize < 0 || isTrue) continue;
      this.#tell({ kind: "pack-reread", name, size, expectedSize });
    }
    for (const name of index.packs) {
      if (present.has(name) || !this.#hasListed(name)) continue;
      this.#changed.add(index.packNumber(name));
      this.#tell({ kind: "pack-missing", name });
    }
    return files;
  }

  async #readHeaders(files: readonly FileInfo[]): Promise<void> {
    let done = 0;
    const headers = mapConcurrent(files, (file, signal) => this.#readHeader(file, signal), {
      ...this.#call,
      concurrency: this.#repository.backend.connections,
    });
    for await (const { file, entries, isReadable } of headers) {
      const { name } = file;
      if (this.#hasListed(name)) this.#changed.add(this.#old.index.packNumber(name));
      else if (isReadable) this.#tell({ kind: "pack-added", name });
      this.#add(name, entries);
      this.#tell({ kind: "progress", phase: "packs-read", done: ++done, total: files.length });
    }
  }

  async #readHeader(
    file: FileInfo,
    signal: AbortSignal,
  ): Promise<{ file: FileInfo; entries: Iterable<PackEntry>; isReadable: boolean }> {
    const { name, size } = file;
    try {
      const entries = await readPackHeader(this.#repository, name, { signal, size });
      return { file, entries, isReadable: true };
    } catch (error) {
      const isDamage = isTsbakError(error, "corrupt") || isTsbakError(error, "not-found");
      if (!isDamage) throw error;
      const isListed = this.#hasListed(name);
      this.#tell({ kind: "pack-unreadable", name, reason: error.message, isListed });
      // A file in the wrong folder is listed, but nobody can read it.
      const isThere = isListed && error.code === "corrupt";
      return { file, entries: isThere ? this.#entriesWithin(file) : [], isReadable: false };
    }
  }

  #hasListed(name: string): boolean {
    const { index } = this.#old;
    return index.hasPack(name) && this.#isListed[index.packNumber(name)] === 1;
  }

  /** What the old index says of a pack, as far as the file goes: the only map to what it still holds. */
  *#entriesWithin({ name, size }: FileInfo): Generator<PackEntry> {
    for (const entry of this.#entriesOf(this.#old.index.packNumber(name))) {
      if (entry.offset + entry.length <= size) yield entry;
    }
  }

  *#entriesOf(pack: number): Generator<PackEntry> {
    yield* packEntries(this.#old.index, this.#map, pack);
  }

  /** List a pack as the old index does. */
  #take(pack: number): void {
    this.#add(this.#old.index.packs[pack] as string, this.#entriesOf(pack));
  }

  #add(name: string, entries: Iterable<PackEntry>): void {
    let number = -1;
    for (const entry of entries) {
      // A pack without blobs is not listed.
      if (number < 0) number = this.#listed.packNumber(name);
      this.#listed.add(entry.type, entry.id, 0, number, entry);
    }
  }

  #tell(event: RepairIndexEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** The entries of a pack in the order of their offsets, one after the other. */
export function* packEntries(index: BlobIndex, map: PackMap, pack: number): Generator<PackEntry> {
  for (const entry of map.entriesOf(pack)) {
    yield {
      type: index.isTreeAt(entry) ? "tree" : "data",
      id: fromHex(index.idAt(entry)),
      offset: index.offsetAt(entry),
      length: index.lengthAt(entry),
      uncompressedLength: index.uncompressedLengthAt(entry),
    };
  }
}

/** Plan an index from what the repository holds now. */
export async function planIndex(
  repository: Repository,
  options: IndexPlanOptions,
  call: CallOptions,
): Promise<IndexPlan> {
  const old = await surveyIndex(repository, call);
  return new IndexPlanner(repository, old, options, call).plan();
}
