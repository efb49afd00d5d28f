import type { BlobIndex } from "../repository/blob-index.ts";
import type { BlobUses } from "./blob-uses.ts";

/** A blob of a piece. Offset and lengths in bytes; `uses` are numbers in `BlobUses`. */
export interface PieceBlob {
  readonly id: string;
  /** In the pack. */
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
  readonly uses: readonly number[];
}

/** A range of a pack that is read at once, and the blobs in it that are needed, in their order. */
export interface Piece {
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly PieceBlob[];
}

/** Bytes that are not needed are read over if they are fewer: another request would cost more. */
const LARGEST_GAP = 1 << 20;
/** A piece ends after so many bytes; a blob is never cut, so a piece may be longer by one. Most are below 8 MiB then. */
const PIECE_SIZE = 6 << 20;
/** A blob may be in a hundred thousand files: no worker writes all of them alone. */
const MOST_USES = 4096;

/**
 * The pieces of one pack that hold everything that is needed of it, in the order of their offsets. `partOf` gives the same for offsets
 * of blobs that may be in one piece.
 */
export function cutPieces(
  index: BlobIndex,
  uses: BlobUses,
  pack: string,
  partOf: (offset: number) => unknown = () => undefined,
): Piece[] {
  const pieces: Piece[] = [];
  let blobs: PieceBlob[] = [];
  let [start, end, count] = [0, 0, 0];
  let part: unknown;
  const close = (): void => {
    if (blobs.length > 0) pieces.push({ pack, offset: start, length: end - start, blobs });
    blobs = [];
    count = 0;
  };
  for (const blob of neededBlobs(index, uses, pack)) {
    const isFar = blob.offset - end > LARGEST_GAP || blob.offset - start >= PIECE_SIZE;
    const next = partOf(blob.offset);
    if (isFar || next !== part || count + blob.uses.length > MOST_USES) close();
    part = next;
    if (blobs.length === 0) start = end = blob.offset;
    blobs.push(blob);
    end = Math.max(end, blob.offset + blob.length);
    count += blob.uses.length;
  }
  close();
  return pieces;
}

/** The blobs of a pack that are used, by offset; one with very many uses comes several times. */
function* neededBlobs(index: BlobIndex, uses: BlobUses, pack: string): Generator<PieceBlob> {
  const byEntry = new Map<number, number[]>();
  for (const use of uses.ofPack(pack)) {
    const entry = uses.entries[use] as number;
    const others = byEntry.get(entry);
    if (others === undefined) byEntry.set(entry, [use]);
    else others.push(use);
  }
  const blobs = Array.from(byEntry, ([entry, own]) => ({ ...index.entryAt(entry), uses: own }));
  blobs.sort((a, b) => a.offset - b.offset);
  for (const blob of blobs) {
    for (let at = 0; at < blob.uses.length; at += MOST_USES) {
      yield { ...blob, uses: blob.uses.slice(at, at + MOST_USES) };
    }
  }
}
