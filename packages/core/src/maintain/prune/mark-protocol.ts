/**
 * What the main thread and the threads that read trees say to each other while used blobs are marked.
 *
 * @module
 */
import type { MasterKey } from "../../crypto/master-key.ts";
import type { SharedBlobIndex } from "../../repository/shared-index.ts";
import type { PackBytes } from "../verify/verify-protocol.ts";
import type { MissingBlob } from "./tree-marker.ts";

/** What a worker is started with. */
export interface MarkSetup {
  readonly key: MasterKey;
  readonly index: SharedBlobIndex;
  /** See `createMarks`. */
  readonly marks: SharedArrayBuffer;
}

/** Trees of one pack to be read, and with them whatever they reach within the pack. */
export interface MarkTask {
  readonly pack: number;
  readonly bytes: PackBytes;
  /** Marked index entries. */
  readonly entries: Uint32Array;
}

/** What comes back. */
export interface MarkReply {
  /** Trees of other packs that this thread marked: they are to be read next. */
  readonly outside: Uint32Array<ArrayBuffer>;
  /** Trees that could not be opened here. */
  readonly damaged: Uint32Array<ArrayBuffer>;
  readonly missing: readonly MissingBlob[];
  /** Trees that were read. */
  readonly trees: number;
  /** Memory of the task, if it had some. */
  readonly memory: ArrayBuffer | undefined;
}
