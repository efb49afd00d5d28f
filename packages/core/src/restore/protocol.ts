/**
 * What the main thread of a restore and its workers say to each other: ranges of packs go out together with everything that
 * is to be made of them, and only what failed comes back.
 *
 * @module
 */
import type { MasterKey } from "../crypto/master-key.ts";
import type { EntryBatch } from "./entry-batch.ts";

/** What a worker is started with. */
export interface RestoreSetup {
  readonly key: MasterKey;
  /** Absolute path of the target. */
  readonly target: Uint8Array;
  /** Leave blobs of zeros as holes. */
  readonly sparse: boolean;
}

/** What a worker can be asked to do. */
export type RestoreTask =
  | PieceTask
  /** Create files without contents. */
  | { readonly kind: "empty"; readonly files: EntryBatch }
  /** Set length and metadata of files whose parts have all been written. */
  | { readonly kind: "finish"; readonly files: EntryBatch }
  /** Set the metadata of directories. */
  | { readonly kind: "directories"; readonly entries: EntryBatch };

/** Write the blobs of a range of a pack to their places. */
export interface PieceTask {
  readonly kind: "piece";
  /** The range as it was read. The worker decrypts it where it is, and sends its memory back. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Hex ids of the blobs. */
  readonly ids: readonly string[];
  /** `BLOB_NUMBERS` for each blob. */
  readonly blobs: Float64Array;
  /** `USE_NUMBERS` for each use, blob by blob. */
  readonly uses: Float64Array;
  readonly files: EntryBatch;
}

/** Numbers of a blob: offset in `bytes`, sealed length, uncompressed length or 0, count of uses. */
export const BLOB_NUMBERS = 4;
/** Numbers of a use: file in the batch, and offset in that file or `WHOLE_FILE`. */
export const USE_NUMBERS = 2;
/** In place of an offset: the blob is the whole file, which is created, written and finished at once. */
export const WHOLE_FILE = -1;

/** What went wrong in a task. `at` is the number of the blob in the piece or of the entry in the batch. */
export interface RestoreFailure {
  /** `metadata`: the contents are in place. `refused`: so is all that the system lets this user set. */
  readonly of: "blob" | "file" | "metadata" | "refused";
  readonly at: number;
  readonly message: string;
  /** Bits of `REFUSED`. */
  readonly refused?: number;
}

/** The end of a task: everything that is not named was done. */
export interface RestoreResult {
  readonly failures: readonly RestoreFailure[];
  /** That of a piece's bytes. */
  readonly memory?: ArrayBuffer | undefined;
}
