import type { CallOptions } from "../../backend/backend.ts";
import type { BlobType } from "../../format/blob-type.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";

/** A file of a snapshot. */
export interface LostPlace {
  readonly snapshot: SnapshotEntry;
  /** From the root of the snapshot, which is `/`. */
  readonly path: Uint8Array;
}

/** A blob that a snapshot needs and no pack of the repository holds. */
export interface LostBlob {
  readonly type: BlobType;
  readonly id: string;
  /** Where it is needed: the first places that were found. */
  readonly places: readonly LostPlace[];
}

/** A blob that was found. The bytes are the receiver's; they are not yet compared with the id. */
export interface FoundBlob {
  readonly type: BlobType;
  readonly id: string;
  readonly plain: Uint8Array;
}

/** A place outside the repository where lost blobs may be. */
export interface BlobSource {
  /** For people: `the cache`. */
  readonly title: string;
  /** Those that are there, in any order. What cannot be read is not there. */
  find(lost: readonly LostBlob[], call: CallOptions): AsyncIterable<FoundBlob>;
}
