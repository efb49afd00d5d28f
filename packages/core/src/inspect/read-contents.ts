import { mapConcurrent } from "../async/map-concurrent.ts";
import type { CallOptions } from "../backend/backend.ts";
import { fromHex } from "../bytes/hex.ts";
import { readBlobs } from "../repository/blob-batch.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";

/** Something that passes through in its place among the contents. */
export interface Passing<T> {
  readonly item: T;
}

/** An id of a data blob, or something else that keeps its place. */
export type ContentStep<T> = string | Passing<T>;

/** Plain bytes that are read together, unless a single blob has more. */
const BATCH_BYTES = 4 << 20;
const BATCH_STEPS = 1000;
/** Plain bytes of blobs that are kept because they may come again, as those of holes do. */
const KEPT_BYTES = 16 << 20;

/**
 * The plain bytes of blobs in the order of their ids, and between them whatever else `steps` has. A bounded number of bytes is
 * read ahead, also beyond the end of a file; every blob is authenticated.
 *
 * @throws {TsbakError} `not-found` or `corrupt` if a blob has no copy that is whole.
 */
export async function* readContents<T>(
  repository: Repository,
  index: BlobIndex,
  steps: Iterable<ContentStep<T>> | AsyncIterable<ContentStep<T>>,
  options: CallOptions = {},
): AsyncGenerator<Uint8Array | Passing<T>, void, undefined> {
  const kept = new RecentBlobs();
  const load = async (
    batch: readonly ContentStep<T>[],
    signal: AbortSignal,
  ): Promise<(Uint8Array | Passing<T>)[]> => {
    const ids = new Set(batch.filter((step) => typeof step === "string"));
    const known = kept.take(ids);
    const read = await readBlobs(repository, index, ids, { ...options, signal });
    kept.keep(read);
    const bytesOf = (id: string): Uint8Array => (known.get(id) ?? read.get(id)) as Uint8Array;
    return batch.map((step) => (typeof step === "string" ? bytesOf(step) : step));
  };
  const concurrency = Math.max(repository.backend.connections, 2);
  const batches = gatherBatches(index, steps);
  for await (const batch of mapConcurrent(batches, load, { concurrency, signal: options.signal })) {
    yield* batch;
  }
}

async function* gatherBatches<T>(
  index: BlobIndex,
  steps: Iterable<ContentStep<T>> | AsyncIterable<ContentStep<T>>,
): AsyncGenerator<ContentStep<T>[], void, undefined> {
  let batch: ContentStep<T>[] = [];
  let size = 0;
  for await (const step of steps) {
    const length = typeof step === "string" ? (index.plainLength("data", fromHex(step)) ?? 0) : 0;
    if (batch.length > 0 && (size + length > BATCH_BYTES || batch.length >= BATCH_STEPS)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(step);
    size += length;
  }
  if (batch.length > 0) yield batch;
}

/** The blobs that were read last. */
class RecentBlobs {
  readonly #blobs = new Map<string, Uint8Array>();
  #size = 0;

  /** Those of `ids` that are here, which are taken out of `ids`. */
  take(ids: Set<string>): Map<string, Uint8Array> {
    const known = new Map<string, Uint8Array>();
    for (const id of ids) {
      const bytes = this.#blobs.get(id);
      if (bytes === undefined) continue;
      known.set(id, bytes);
      ids.delete(id);
    }
    return known;
  }

  keep(blobs: ReadonlyMap<string, Uint8Array>): void {
    for (const [id, bytes] of blobs) {
      if (this.#blobs.has(id)) continue;
      this.#blobs.set(id, bytes);
      this.#size += bytes.length;
    }
    for (const [id, bytes] of this.#blobs) {
      if (this.#size <= KEPT_BYTES) return;
      this.#blobs.delete(id);
      this.#size -= bytes.length;
    }
  }
}
