import type { FileKind } from "../../backend/backend.ts";
import type { TsbakError } from "../../errors.ts";
import type { Coverage } from "./coverage.ts";
import type { BlobType } from "../../format/blob-type.ts";

/**
 * What is wrong:
 *
 * - `index-damaged`, `snapshot-damaged`, `key-damaged`, `lock-damaged`: this file cannot be read.
 * - `index-conflict`: several index files list different blobs for the same pack.
 * - `pack-missing`, `pack-size`: a pack of the index is not there, or has another size than the index says.
 * - `pack-damaged`: the contents of a pack are not what they were, or cannot be read.
 * - `blob-missing`: a snapshot needs this blob, but no index file lists it.
 * - `tree-damaged`: a snapshot needs this tree, and it cannot be decoded.
 * - `tree-invalid`: an entry of a tree breaks a rule of the format.
 */
export type VerifyProblemKind =
  | "index-damaged"
  | "index-conflict"
  | "snapshot-damaged"
  | "key-damaged"
  | "lock-damaged"
  | "pack-missing"
  | "pack-size"
  | "pack-damaged"
  | "blob-missing"
  | "tree-damaged"
  | "tree-invalid";

/** A place that cannot be restored in full. */
export interface AffectedPath {
  /** Id of the snapshot. */
  readonly snapshot: string;
  /** From the root of the snapshot, printable; `/` is the root itself. */
  readonly path: string;
}

/** One finding that means loss, or would if nothing is done. */
export interface VerifyProblem {
  readonly kind: VerifyProblemKind;
  /** The file that is damaged or missing. */
  readonly file?: { readonly kind: FileKind; readonly name: string } | undefined;
  /** The blob that is damaged or missing. */
  readonly blob?: { readonly type: BlobType; readonly id: string } | undefined;
  /** Number of blobs that are lost with the file. */
  readonly lostBlobs: number;
  readonly message: string;
  /** What cannot be restored because of it: the first ones found. Files that another copy still serves are not here. */
  readonly affected: readonly AffectedPath[];
  /** How many there are in all: each snapshot's path counts once. After a million directories of a snapshot nobody goes on counting. */
  readonly affectedCount: number;
}

/**
 * What is harmless, but could be better:
 *
 * - `repeated-pack`: several index files list the same pack; `repair index` tidies up.
 * - `mixed-pack`: a pack of an old version holds trees and data; `prune` tidies up.
 * - `unreferenced-pack`: a pack that no index file lists, left by an interrupted backup; `prune` removes it.
 */
export type VerifyHintKind = "repeated-pack" | "mixed-pack" | "unreferenced-pack";

/** A hint, once for each kind. */
export interface VerifyHint {
  readonly kind: VerifyHintKind;
  /** Names of the packs. */
  readonly packs: readonly string[];
  readonly message: string;
}

/** What was looked at. Sizes in bytes. */
export interface VerifyCounts {
  readonly snapshots: number;
  /** Snapshots that were not among those chosen; undefined if all were to be verified. */
  readonly snapshotsLeftOut?: number | undefined;
  readonly indexFiles: number;
  /** Packs and blobs that the index lists, every copy counted. */
  readonly packs: number;
  readonly blobs: number;
  /** Trees that the snapshots refer to. */
  readonly trees: number;
  /** Packs that were read in full, and their size. */
  readonly packsRead: number;
  readonly bytesRead: number;
}

/** The result of `verify`. The repository is whole if `errors` is empty. */
export interface VerifyReport {
  readonly errors: readonly VerifyProblem[];
  readonly hints: readonly VerifyHint[];
  readonly counts: VerifyCounts;
  readonly coverage: Coverage;
  /** Why it could not be remembered which packs were read. */
  readonly memoryProblem: TsbakError | undefined;
  /** Names of packs whose contents are damaged: what `repair packs` is for. */
  readonly damagedPacks: readonly string[];
  readonly suggestRepairIndex: boolean;
  readonly suggestPrune: boolean;
}
