/**
 * What the main thread of a restore and its workers say to each other: ranges of packs go out together with everything that
 * is to be made of them, and only what failed comes back.
 *
 * @module
 */
import type { MasterKey } from "../crypto/master-key.ts";
import type { AttributeRule } from "../fs/attribute-rule.ts";
import type { EntryBatch } from "./entry-batch.ts";

/** What a worker is started with. */
export interface RestoreSetup {
  readonly key: MasterKey;
  /** Absolute path of the target. */
  readonly target: Uint8Array;
  /** Directories are made when something in them is. */
  readonly makesMissing: boolean;
  /** Most directories that a thread keeps open. */
  readonly openDirectories: number;
  /** Leave blobs of zeros as holes. */
  readonly sparse: boolean;
  /** All extended attributes are restored without it. */
  readonly attributes: AttributeRule | undefined;
}

/** What a worker can be asked to do. */
export type RestoreTask =
  | PieceTask
  | CompareTask
  /** Create files without contents. */
  | { readonly kind: "empty"; readonly files: EntryBatch }
  /** Make a file that stands there ready for its parts. Ranges to keep are pairs of offset and length in bytes. */
  | { readonly kind: "prepare"; readonly files: EntryBatch; readonly kept: Float64Array }
  /** Set length and metadata of files whose parts have all been written, and put them in their place. */
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

/** Find out what files hold that stand where files are to be restored. */
export interface CompareTask {
  readonly kind: "compare";
  readonly files: EntryBatch;
  readonly overwrite: Overwrite;
  /** Set the metadata of files that are as they should be, and have no other name, while they are open. */
  readonly finishes: boolean;
  /** `PART_NUMBERS` for each part: number of the file, offset in it, count of blobs. */
  readonly parts: Float64Array;
  /** Of the blobs of all parts: ids, 32 bytes each, and lengths. */
  readonly ids: Uint8Array;
  readonly lengths: Float64Array;
}

/** Numbers of a part, see `CompareTask`. */
export const PART_NUMBERS = 3;

/** What is done about files that are there: whatever they hold, if size or time differ, if they are older, or nothing. */
export type Overwrite = "always" | "if-changed" | "if-newer" | "never";

/** What came of a `CompareTask`. */
export interface Compared {
  /** `STATE_NUMBERS` for each part: one of `FOUND`, how many names the file has, and its owner. */
  readonly states: Float64Array;
  /** 1 for each blob that is in its place. */
  readonly matches: Uint8Array;
}

/** Numbers of a state, see `Compared`. */
export const STATE_NUMBERS = 3;

/** What stands in the place of a file. */
export const FOUND = {
  /** Nothing, or what cannot be read as a file. */
  nothing: 0,
  /** What the user wants left alone. */
  kept: 1,
  /** A file of the right length. */
  sameSize: 2,
  /** A file of another length. */
  otherSize: 3,
  /** A file that has the right size and time, and was not read. */
  trusted: 4,
  /** A file that was as it should be and now has its metadata. */
  finished: 5,
} as const;

/** Numbers of a blob: offset in `bytes`, sealed length, uncompressed length or 0, count of uses. */
export const BLOB_NUMBERS = 4;
/** Numbers of a use: file in the batch, and offset in that file or `WHOLE_FILE`. */
export const USE_NUMBERS = 2;
/** In place of an offset: the blob is the whole file, which is created, written and finished at once. */
export const WHOLE_FILE = -1;

/** What went wrong in a task. `at` is the number of the blob in the piece or of the entry in the batch. */
export interface RestoreFailure {
  /**
   * `metadata`: the contents are in place. `refused`: so is all that the system lets this user set. `busy`: a program runs from the
   * file, so that nothing can be written into it.
   */
  readonly of: "blob" | "file" | "metadata" | "refused" | "busy";
  readonly at: number;
  readonly message: string;
  /** Bits of `REFUSED`. */
  readonly refused?: number;
}

/** The end of a task: everything that is not named was done. */
export interface RestoreResult {
  readonly failures: readonly RestoreFailure[];
  /** Of a `CompareTask`. */
  readonly compared?: Compared | undefined;
  /** That of a piece's bytes. */
  readonly memory?: ArrayBuffer | undefined;
}
