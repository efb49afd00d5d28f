import { COMPRESSED_ENTRY, packHeaderSize, PLAIN_ENTRY } from "../../format/pack-header.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { BlobMarks } from "./blob-marks.ts";
import type { PruneStatistics } from "./statistics.ts";

/** What a pack holds. */
export const PACK_KINDS = { empty: 0, data: 1, tree: 2, mixed: 3 } as const;

/** A used blob is counted up to here, as often as it is stored. */
const MOST_COPIES = 255;
/** A used blob of which all copies but the last were passed over. */
const LAST_COPY = 0;

/**
 * For each pack, by its number in the index: how much of it is used. Of a used blob that is stored more than once one copy counts as used,
 * chosen as restic does, so that packs which an interrupted prune wrote are the ones that stay.
 */
export class PackTable {
  readonly usedBlobs: Uint32Array;
  readonly unusedBlobs: Uint32Array;
  /** Bytes of used blobs, and of the pack's header. */
  readonly usedSize: Float64Array;
  readonly unusedSize: Float64Array;
  /** One of `PACK_KINDS`. */
  readonly kinds: Uint8Array;
  /** 1 for a pack with a blob that is not compressed. */
  readonly uncompressed: Uint8Array;
  readonly #duplicateBlobs: Uint32Array;
  readonly #index: BlobIndex;
  readonly #statistics: PruneStatistics;
  /** For the first copy of each used blob: how many there are. Undefined while no blob has a second one. */
  #copies: Uint8Array | undefined;

  constructor(index: BlobIndex, marks: BlobMarks, statistics: PruneStatistics) {
    const packs = index.packs.length;
    this.#index = index;
    this.#statistics = statistics;
    this.usedBlobs = new Uint32Array(packs);
    this.unusedBlobs = new Uint32Array(packs);
    this.#duplicateBlobs = new Uint32Array(packs);
    this.usedSize = new Float64Array(packs).fill(packHeaderSize([]));
    this.unusedSize = new Float64Array(packs);
    this.kinds = new Uint8Array(packs);
    this.uncompressed = new Uint8Array(packs);
    const first = this.#countCopies(marks);
    for (let entry = 0; entry < index.size; entry++) this.#note(entry, first(entry), marks);
    if (this.#copies !== undefined) this.#chooseCopies(first, marks);
  }

  /** Number of packs. */
  get length(): number {
    return this.kinds.length;
  }

  /** What the file of a pack must have in bytes. */
  sizeOf(pack: number): number {
    return (this.usedSize[pack] as number) + (this.unusedSize[pack] as number);
  }

  /** Gives how to find the first copy of a blob. Nearly all are the only one, which must not be looked up again. */
  #countCopies(marks: BlobMarks): (entry: number) => number {
    const index = this.#index;
    const later = new Map<number, number>();
    for (let entry = 0; entry < index.size; entry++) {
      const first = index.firstCopyOf(entry);
      if (first === entry) continue;
      later.set(entry, first);
      if (!marks.has(first)) continue;
      this.#copies ??= new Uint8Array(index.size).fill(1);
      const count = this.#copies[first] as number;
      if (count < MOST_COPIES) this.#copies[first] = count + 1;
    }
    return (entry) => later.get(entry) ?? entry;
  }

  #note(entry: number, first: number, marks: BlobMarks): void {
    const index = this.#index;
    const pack = index.packNumberAt(entry);
    const length = index.lengthAt(entry);
    const isPlain = index.uncompressedLengthAt(entry) === 0;
    this.usedSize[pack] =
      (this.usedSize[pack] as number) + (isPlain ? PLAIN_ENTRY : COMPRESSED_ENTRY);
    if (isPlain) this.uncompressed[pack] = 1;
    this.kinds[pack] =
      (this.kinds[pack] as number) | (index.isTreeAt(entry) ? PACK_KINDS.tree : PACK_KINDS.data);
    const { blobs, bytes } = this.#statistics;
    if (!marks.has(first)) {
      this.#countUnused(pack, length);
      blobs.unused++;
      bytes.unused += length;
    } else if ((this.#copies?.[first] ?? 1) > 1) {
      this.#countUnused(pack, length);
      this.#duplicateBlobs[pack] = (this.#duplicateBlobs[pack] as number) + 1;
      blobs.duplicate++;
      bytes.duplicate += length;
    } else {
      this.#countUsed(pack, length);
      blobs.used++;
      bytes.used += length;
    }
  }

  /**
   * One copy of each becomes used: one in a pack in which other blobs are used, or in one of nothing but such copies, which an interrupted
   * prune left; else the last.
   */
  #chooseCopies(firstOf: (entry: number) => number, marks: BlobMarks): void {
    const index = this.#index;
    const copies = this.#copies as Uint8Array;
    for (let entry = 0; entry < index.size; entry++) {
      const first = firstOf(entry);
      const count = copies[first] as number;
      if (count === 1 || !marks.has(first)) continue;
      const pack = index.packNumberAt(entry);
      const isOfCopies = this.#duplicateBlobs[pack] === this.unusedBlobs[pack];
      if ((this.usedBlobs[pack] as number) > 0 || isOfCopies || count === LAST_COPY) {
        this.#promote(pack, index.lengthAt(entry));
        copies[first] = 1;
      } else {
        copies[first] = count === 2 ? LAST_COPY : count - 1;
      }
    }
  }

  #promote(pack: number, length: number): void {
    const { blobs, bytes } = this.#statistics;
    this.#countUsed(pack, length);
    this.unusedBlobs[pack] = (this.unusedBlobs[pack] as number) - 1;
    this.unusedSize[pack] = (this.unusedSize[pack] as number) - length;
    blobs.used++;
    bytes.used += length;
    blobs.duplicate--;
    bytes.duplicate -= length;
  }

  #countUsed(pack: number, length: number): void {
    this.usedBlobs[pack] = (this.usedBlobs[pack] as number) + 1;
    this.usedSize[pack] = (this.usedSize[pack] as number) + length;
  }

  #countUnused(pack: number, length: number): void {
    this.unusedBlobs[pack] = (this.unusedBlobs[pack] as number) + 1;
    this.unusedSize[pack] = (this.unusedSize[pack] as number) + length;
  }
}
