import type { CallOptions } from "../backend/backend.ts";
import { mapConcurrent } from "../async/map-concurrent.ts";
import { toHex } from "../bytes/hex.ts";
import { releaseBytes } from "../bytes/release-memory.ts";
import type { BlobType } from "../format/blob-type.ts";
import { decodeIndex, type IndexSink } from "../format/index-file.ts";
import { BlobIndex } from "./blob-index.ts";
import { loadUnpacked, type UnpackedContext } from "./unpacked.ts";

/** How an index is loaded. */
export interface LoadIndexOptions extends CallOptions {
  /** What was loaded before it was known which files count. */
  readonly early?: Promise<EarlyIndex | undefined> | undefined;
}

/** What some index files list. */
export interface EarlyIndex {
  readonly names: readonly string[];
  readonly index: BlobIndex;
}

/**
 * Read every index file into one index (restic format, section 7).
 *
 * @throws {TsbakError} `corrupt` if one cannot be read: with a part of the index missing, blobs would be stored
 * again or taken for lost.
 */
export async function loadIndex(
  context: UnpackedContext,
  { early, ...options }: LoadIndexOptions = {},
): Promise<BlobIndex> {
  const names: string[] = [];
  for await (const file of context.backend.list("index", options)) names.push(file.name);
  const known = await early;
  return known !== undefined && haveSameNames(names, known.names)
    ? known.index
    : loadIndexFiles(context, names, options);
}

/**
 * Read these index files into one index.
 *
 * @throws {TsbakError} as `loadIndex`.
 */
export async function loadIndexFiles(
  context: UnpackedContext,
  names: readonly string[],
  options?: CallOptions,
): Promise<BlobIndex> {
  const index = new BlobIndex();
  const load = (name: string): Promise<Uint8Array> => loadUnpacked(context, "index", name, options);
  for await (const bytes of mapConcurrent(names, load, {
    concurrency: context.backend.connections,
  })) {
    decodeIndex(bytes, new IndexFiller(index));
    releaseBytes(bytes);
  }
  return index;
}

/** True if both are the same names, in whatever order. */
export function haveSameNames(names: readonly string[], others: readonly string[]): boolean {
  return names.toSorted().join() === others.toSorted().join();
}

/** Adds the entries of one index file to an index; not those of no length, which nobody could ask a store for, so that they count as missing. */
export class IndexFiller implements IndexSink {
  readonly #index: BlobIndex;
  readonly #place = { offset: 0, length: 0, uncompressedLength: 0 };
  /** Number of the pack whose blobs are being added. */
  packNumber = 0;

  constructor(index: BlobIndex) {
    this.#index = index;
  }

  pack(id: Uint8Array): void {
    this.packNumber = this.#index.packNumber(toHex(id, 0, 32));
  }

  blob(
    type: BlobType,
    id: Uint8Array,
    offset: number,
    length: number,
    uncompressedLength: number,
  ): void {
    if (length === 0) return;
    const place = this.#place;
    place.offset = offset;
    place.length = length;
    place.uncompressedLength = uncompressedLength;
    this.#index.add(type, id, 0, this.packNumber, place);
  }
}
