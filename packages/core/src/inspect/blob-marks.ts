import { fromHex } from "../bytes/hex.ts";
import type { BlobType } from "../format/blob-type.ts";
import type { BlobIndex } from "../repository/blob-index.ts";

/** Blobs that have something in common. */
export interface BlobSum {
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** Plain bytes; of blobs that the index does not know nothing is counted. */
  readonly bytes: number;
}

/** Notes of blobs, a byte for each that the index knows: which of up to eight marks they bear. */
export class BlobMarks {
  readonly #index: BlobIndex;
  readonly #marks: Uint8Array;
  /** Marks of blobs that the index does not know, by type and id. */
  readonly #unknown = new Map<string, number>();

  constructor(index: BlobIndex) {
    this.#index = index;
    this.#marks = new Uint8Array(index.size);
  }

  /** Set a mark, which is a power of two up to 128. True if the blob did not bear it yet. */
  add(type: BlobType, id: string, mark: number): boolean {
    const entry = this.#index.find(type, fromHex(id));
    const key = `${type} ${id}`;
    const before = (entry < 0 ? this.#unknown.get(key) : this.#marks[entry]) ?? 0;
    if (entry < 0) this.#unknown.set(key, before | mark);
    else this.#marks[entry] = before | mark;
    return (before & mark) === 0;
  }

  /** How many blobs bear exactly the marks `wanted` of those in `asked`. */
  sum(asked: number, wanted: number): BlobSum {
    const sum = { dataBlobs: 0, treeBlobs: 0, bytes: 0 };
    this.#marks.forEach((marks, entry) => {
      if ((marks & asked) !== wanted || marks === 0) return;
      if (this.#index.isTreeAt(entry)) sum.treeBlobs++;
      else sum.dataBlobs++;
      sum.bytes += this.#index.plainLengthAt(entry);
    });
    for (const [key, marks] of this.#unknown) {
      if ((marks & asked) !== wanted) continue;
      if (key.startsWith("tree")) sum.treeBlobs++;
      else sum.dataBlobs++;
    }
    return sum;
  }

  /** Call `visit` with the index entry of each blob that bears the mark. */
  forEach(mark: number, visit: (entry: number) => void): void {
    this.#marks.forEach((marks, entry) => {
      if ((marks & mark) !== 0) visit(entry);
    });
  }

  /** Blobs that bear the mark although the index does not know them, as type and id. */
  unknown(mark: number): string[] {
    return [...this.#unknown].filter(([, marks]) => (marks & mark) !== 0).map(([key]) => key);
  }
}
