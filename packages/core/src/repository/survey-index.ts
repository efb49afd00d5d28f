import type { CallOptions } from "../backend/backend.ts";
import { mapConcurrent } from "../async/map-concurrent.ts";
import type { BlobType } from "../format/blob-type.ts";
import { decodeIndex, type IndexSink } from "../format/index-file.ts";
import { isTsbakError, type TsbakError } from "../errors.ts";
import { BlobIndex } from "./blob-index.ts";
import { IndexFiller } from "./load-index.ts";
import { loadUnpacked, type UnpackedContext } from "./unpacked.ts";

/** What is to be said of the index files beside what they list. */
export interface IndexSurvey {
  /** Everything that could be read. */
  readonly index: BlobIndex;
  /** Number of index files, damaged ones included. */
  readonly files: number;
  readonly damaged: readonly { readonly name: string; readonly error: TsbakError }[];
  /** Packs that several files list with the same blobs: harmless, and usual after a crash. */
  readonly repeated: readonly string[];
  /** Packs that several files list with different blobs. */
  readonly conflicting: readonly string[];
  /** For each file that could be read, by its name: the numbers of the packs that it lists. */
  readonly listings: ReadonlyMap<string, Uint32Array>;
}

/** How to survey. */
export interface SurveyOptions extends CallOptions {
  /** Of the index files, where they have been listed already. */
  readonly names?: readonly string[] | undefined;
}

/**
 * Read every index file that can be read, for those who look for damage; anybody else uses `loadIndex`.
 *
 * @throws {TsbakError} `interrupted`. All other errors of single files are results.
 */
export async function surveyIndex(
  context: UnpackedContext,
  options: SurveyOptions = {},
): Promise<IndexSurvey> {
  const names = options.names ?? (await listNames(context, options));
  const survey = new Survey();
  const load = async (name: string): Promise<Loaded> => {
    try {
      return { name, bytes: await loadUnpacked(context, "index", name, options) };
    } catch (error) {
      return { name, error: damageOf(error) };
    }
  };
  for await (const file of mapConcurrent(names, load, {
    concurrency: context.backend.connections,
  })) {
    survey.take(file);
  }
  const { index, damaged, listings } = survey;
  return { index, files: names.length, damaged, listings, ...survey.packs() };
}

async function listNames({ backend }: UnpackedContext, options: CallOptions): Promise<string[]> {
  const names: string[] = [];
  for await (const file of backend.list("index", options)) names.push(file.name);
  return names;
}

/** The error itself, if it tells of one file and not of the whole operation. */
function damageOf(error: unknown): TsbakError {
  if (isTsbakError(error) && error.code !== "interrupted") return error;
  throw error;
}

type Loaded =
  | { readonly name: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly error: TsbakError };

/** What a pack looked like in one index file. Sums of hashes, so that the order does not matter. */
interface PackMark {
  first: number;
  current: number;
  /** Number of the last file that listed it. */
  file: number;
}

class Survey {
  readonly index = new BlobIndex();
  readonly damaged: { name: string; error: TsbakError }[] = [];
  readonly listings = new Map<string, Uint32Array>();
  readonly #marks: PackMark[] = [];
  readonly #repeated = new Set<number>();
  readonly #conflicting = new Set<number>();
  #files = 0;

  take(file: Loaded): void {
    if ("error" in file) {
      this.damaged.push(file);
      return;
    }
    const touched = new Set<number>();
    try {
      decodeIndex(file.bytes, this.#sink(touched));
      this.listings.set(file.name, Uint32Array.from(touched));
    } catch (error) {
      this.damaged.push({ name: file.name, error: damageOf(error) });
    }
    for (const pack of touched) this.#compare(pack);
    this.#files++;
  }

  packs(): Pick<IndexSurvey, "repeated" | "conflicting"> {
    const nameOf = (pack: number): string => this.index.packs[pack] as string;
    const repeated = [...this.#repeated].filter((pack) => !this.#conflicting.has(pack));
    return { repeated: repeated.map(nameOf), conflicting: [...this.#conflicting].map(nameOf) };
  }

  #sink(touched: Set<number>): IndexSink {
    const filler = new IndexFiller(this.index);
    let mark: PackMark = { first: 0, current: 0, file: -1 };
    return {
      pack: (id) => {
        filler.pack(id);
        const number = filler.packNumber;
        mark = this.#markOf(number);
        if (!touched.has(number)) mark.current = 0;
        touched.add(number);
      },
      blob: (type, id, offset, length, uncompressedLength) => {
        filler.blob(type, id, offset, length, uncompressedLength);
        mark.current = (mark.current + blobHash(type, id, offset, length)) % 2 ** 52;
      },
    };
  }

  #markOf(pack: number): PackMark {
    return (this.#marks[pack] ??= { first: 0, current: 0, file: -1 });
  }

  #compare(pack: number): void {
    const mark = this.#markOf(pack);
    if (mark.file < 0) mark.first = mark.current;
    else if (mark.first === mark.current) this.#repeated.add(pack);
    else this.#conflicting.add(pack);
    mark.file = this.#files;
  }
}

/** Below 2^49, so that a sum below 2^52 stays exact. Nobody gains by a collision: the index is sealed. */
function blobHash(type: BlobType, id: Uint8Array, offset: number, length: number): number {
  let low = type === "tree" ? 1 : 0;
  for (let at = 0; at < 8; at++) low = Math.imul(low ^ (id[at] as number), 0x01000193);
  low ^= Math.imul(offset + 1, 0x9e3779b1) ^ Math.imul(length, 0x85ebca6b);
  return (low >>> 0) * 2 ** 16 + (((id[8] as number) << 8) | (id[9] as number));
}
