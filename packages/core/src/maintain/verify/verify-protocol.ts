/**
 * What the main thread of a verification and its workers say to each other: bytes of packs go out, findings come back.
 *
 * @module
 */
import type { OpenFile } from "../../backend/backend.ts";
import type { MasterKey } from "../../crypto/master-key.ts";
import type { SharedBlobIndex } from "../../repository/shared-index.ts";

/** What a worker is started with. */
export interface VerifySetup {
  readonly key: MasterKey;
  readonly index: SharedBlobIndex;
  /** Compare each whole pack with the hash that names it, even if nothing else is wrong with it. */
  readonly compareNames: boolean;
  /** Tell in which packs the contents are that trees refer to. */
  readonly notesPacks: boolean;
}

/** Where a worker finds the bytes of a pack. */
export type PackBytes =
  /** In memory, which is sent back with the result. `start` is where in the pack it begins. */
  | { readonly memory: Uint8Array<ArrayBuffer>; readonly start: number }
  /** In a file that the main thread holds open. */
  | PackFile;

/** A pack that is read by who checks it. */
export type PackFile = Pick<OpenFile, "descriptor" | "size" | "alignment">;

/** A whole pack, or a run of blobs from it. */
export interface VerifyTask {
  readonly bytes: PackBytes;
  /** Name of the pack if it is to be checked as a whole: then its hash, header and layout are, too. */
  readonly name: string | undefined;
  /** Index entries of the blobs to be checked, ascending by offset; of a whole pack all there are. */
  readonly entries: Uint32Array;
}

/** What is wrong inside a tree that could be opened. */
export interface TreeFault {
  readonly kind: "blob-missing" | "tree-damaged" | "tree-invalid";
  readonly message: string;
  /** The blob that the index does not know. */
  readonly blob?: { readonly type: "data" | "tree"; readonly id: string } | undefined;
}

/** What was found. */
export interface VerifyResult {
  /** Faults of the pack as a whole, for people. */
  readonly packFaults: readonly string[];
  /** Index entries of blobs that are damaged, and why. */
  readonly damaged: readonly { readonly entry: number; readonly reason: string }[];
  /** For each tree that decodes: its entry, the number of its subtrees in the index, and their entries. */
  readonly trees: Uint32Array<ArrayBuffer>;
  readonly treeFaults: readonly { readonly tree: number; readonly fault: TreeFault }[];
  /** Numbers of the packs with the contents of files in these trees, each once, if that is to be told. */
  readonly usedPacks: Uint32Array;
}

/** What comes back from a worker. `memory` is that of the task, if it had some. */
export interface VerifyReply {
  readonly result: VerifyResult;
  readonly memory: ArrayBuffer | undefined;
}
