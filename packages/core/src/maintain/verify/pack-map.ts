import { packHeaderSize } from "../../format/pack-header.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";

/** Above the largest number of blobs in a pack, and small enough to share a float's 53 bits with an offset. */
const ORDER_LIMIT = 2 ** 20;

/** The index, seen by the pack: what each should hold. Packs are numbered as in `index.packs`. */
export class PackMap {
  readonly #index: BlobIndex;
  /** Entry numbers, grouped by pack. */
  readonly #entries: Uint32Array;
  /** Where each pack's group begins; one more for the end. */
  readonly #starts: Uint32Array;
  readonly #sizes: Float64Array;
  readonly #trees: Uint32Array;

  constructor(index: BlobIndex) {
    const packs = index.packs.length;
    this.#index = index;
    this.#entries = new Uint32Array(index.size);
    this.#starts = new Uint32Array(packs + 1);
    this.#sizes = new Float64Array(packs).fill(packHeaderSize([]));
    this.#trees = new Uint32Array(packs);
    this.#sum();
    this.#group();
  }

  /** Number of packs that it knows. */
  get packs(): number {
    return this.#sizes.length;
  }

  /** The size that the file must have, in bytes. */
  sizeOf(pack: number): number {
    return this.#sizes[pack] as number;
  }

  /** Number of trees in a pack. */
  treesIn(pack: number): number {
    return this.#trees[pack] as number;
  }

  /** Number of blobs in a pack. */
  blobsIn(pack: number): number {
    return (this.#starts[pack + 1] as number) - (this.#starts[pack] as number);
  }

  /** Entries of a pack in the order of their offsets; a copy. */
  entriesOf(pack: number): Uint32Array<ArrayBuffer> {
    const group = this.#entries.subarray(this.#starts[pack], this.#starts[pack + 1]);
    if (group.length >= ORDER_LIMIT) {
      return group.slice().sort((a, b) => this.#index.offsetAt(a) - this.#index.offsetAt(b));
    }
    // Sorting plain numbers is many times as fast as sorting with a comparison.
    const keys = Float64Array.from(
      group,
      (entry, at) => this.#index.offsetAt(entry) * ORDER_LIMIT + at,
    ).sort();
    return Uint32Array.from(keys, (key) => group[key % ORDER_LIMIT] as number);
  }

  #sum(): void {
    const index = this.#index;
    const perEntry = packHeaderSize({ compressed: 0, uncompressed: 1 }) - packHeaderSize([]);
    const perCompressed = packHeaderSize({ compressed: 1, uncompressed: 0 }) - packHeaderSize([]);
    for (let entry = 0; entry < index.size; entry++) {
      const pack = index.packNumberAt(entry);
      const inHeader = index.uncompressedLengthAt(entry) === 0 ? perEntry : perCompressed;
      this.#sizes[pack] = (this.#sizes[pack] as number) + index.lengthAt(entry) + inHeader;
      this.#starts[pack + 1] = (this.#starts[pack + 1] as number) + 1;
      if (index.isTreeAt(entry)) this.#trees[pack] = (this.#trees[pack] as number) + 1;
    }
  }

  #group(): void {
    const starts = this.#starts;
    for (let pack = 0; pack < this.#sizes.length; pack++) {
      starts[pack + 1] = (starts[pack + 1] as number) + (starts[pack] as number);
    }
    const next = starts.slice();
    for (let entry = 0; entry < this.#entries.length; entry++) {
      const pack = this.#index.packNumberAt(entry);
      const at = next[pack] as number;
      this.#entries[at] = entry;
      next[pack] = at + 1;
    }
  }
}
