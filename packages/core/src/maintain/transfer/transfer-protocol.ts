/**
 * What the main thread of a transfer and its workers say to each other: packs to be read go out, finished packs come back.
 *
 * @module
 */
import type { CompressionLevel } from "../../compress/zstd.ts";
import type { MasterKey } from "../../crypto/master-key.ts";
import type { BlobType } from "../../format/blob-type.ts";
import type { SharedBlobIndex } from "../../repository/shared-index.ts";
import type { FinishedPack } from "../../repository/open-packs.ts";
import type { SharedPackMemory } from "../../repository/pack-memory.ts";
import type { PackBytes } from "../verify/verify-protocol.ts";

/**
 * What becomes of data that is not compressed: nothing; or it is compressed where samples promise that it becomes smaller; or where it
 * does when it is tried; or all of it is, as in restic, so that nothing is left that is not. Trees are compressed in any case.
 */
export type Recompression = "none" | "worthwhile" | "tried" | "all";

/** What a worker is started with. */
export interface TransferSetup {
  readonly sourceKey: MasterKey;
  readonly targetKey: MasterKey;
  /** Both keys are the same: what is sealed can be taken over as it is. */
  readonly sharesKey: boolean;
  /** Of the source. */
  readonly index: SharedBlobIndex;
  /** Of the target. */
  readonly version: 1 | 2;
  readonly compression: CompressionLevel;
  readonly extraVerify: boolean;
  readonly recompress: Recompression;
  readonly packSize: number;
  /** Shared by all threads; undefined where the only thread has its own. */
  readonly packMemory: SharedPackMemory | undefined;
  readonly openPacks: Readonly<Record<BlobType, SharedArrayBuffer>>;
}

/** What a worker can be asked to do. */
export type TransferTask =
  /** Take these blobs out of a pack; index entries ascending by offset. */
  | { readonly kind: "pack"; readonly bytes: PackBytes; readonly entries: Uint32Array }
  /** Store one blob that somebody has opened. */
  | { readonly kind: "blob"; readonly entry: number; readonly plain: Uint8Array };

/** What comes back. */
export interface TransferReply {
  /** Entries whose bytes are damaged and were not stored. */
  readonly damaged: Uint32Array;
  /** That of the task, if it had some. */
  readonly memory: ArrayBuffer | undefined;
}

/** A pack that is full, sent while the task goes on. */
export interface TransferEvent {
  readonly type: BlobType;
  readonly pack: FinishedPack;
}
