import { COMPRESSED_ENTRY, packEntries, PLAIN_ENTRY } from "../format/pack-header.ts";
import { encodeIndex, type ListedPack } from "../format/index-file.ts";

/** An index file is complete at this many blobs (restic format, section 7). */
const FULL_BLOBS = 50_000;
/** ... or at this age, which bounds what a killed backup has to upload again. */
const FULL_AGE_MS = 10 * 60_000;

interface StoredPack {
  readonly name: string;
  readonly header: Uint8Array;
}

/**
 * Gathers what has been stored and writes it as index files. Packs are named here only after they are durable, so an index
 * never lists what is not there; all blobs of a pack go into one index file.
 */
export class IndexWriter {
  readonly #save: (bytes: Uint8Array<ArrayBuffer>) => Promise<unknown>;
  readonly #now: () => number;
  #packs: StoredPack[] = [];
  #blobs = 0;
  #since = 0;

  /** `save` stores one encoded index file, whose memory is its own then; `now` is a clock in milliseconds. */
  constructor(
    save: (bytes: Uint8Array<ArrayBuffer>) => Promise<unknown>,
    now: () => number = Date.now,
  ) {
    this.#save = save;
    this.#now = now;
  }

  /** Note a durable pack by its plain header, and write an index file if that makes one complete. */
  async add(name: string, header: Uint8Array): Promise<void> {
    if (this.#packs.length === 0) this.#since = this.#now();
    this.#packs.push({ name, header });
    // Without decoding them: as many as there would be if all were compressed.
    this.#blobs += Math.ceil(header.length / COMPRESSED_ENTRY);
    if (this.#blobs >= FULL_BLOBS || this.#now() - this.#since >= FULL_AGE_MS) await this.flush();
  }

  /** Write what has been noted and not yet written. */
  async flush(): Promise<void> {
    if (this.#packs.length === 0) return;
    const packs = this.#packs;
    this.#packs = [];
    this.#blobs = 0;
    // Without decoding them: as many as there would be if none were compressed.
    const blobs = packs.reduce((sum, { header }) => sum + header.length / PLAIN_ENTRY, 0);
    const size = { packs: packs.length, blobs: Math.ceil(blobs) };
    await this.#save(encodeIndex(decoded(packs), size));
  }
}

/** One after the other: the entries of all, as objects, would take three times the memory of the index. */
function* decoded(packs: readonly StoredPack[]): Generator<ListedPack> {
  for (const { name, header } of packs) yield { id: name, entries: packEntries(header) };
}
