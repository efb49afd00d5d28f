import type { FileRef } from "../../backend/backend.ts";
import type { RetentionReport } from "../forget/apply-retention.ts";

/** The two places of one repository. */
export type MirrorSide = "source" | "target";

/** The kinds of file that are mirrored; locks belong to one place only. */
export type MirroredKind = "key" | "pack" | "index" | "snapshot" | "config";

/**
 * What is wrong with a file:
 *
 * - `damaged`: on this side; the other has it whole, or `damaged-both`: there is no whole one.
 * - `differs`: the two sides have different lengths of it, and nobody has read them.
 * - `lacking`: the source's index names the pack, but only the target has it.
 * - `refused`: it could not be put right.
 */
export type MirrorProblemKind = "damaged" | "damaged-both" | "differs" | "lacking" | "refused";

/** A file that is not as it should be after the run. */
export interface MirrorProblem {
  readonly kind: MirrorProblemKind;
  readonly side: MirrorSide | undefined;
  readonly file: FileRef;
  readonly message: string;
}

/** How many files, and bytes of them. */
export interface FileCounts {
  files: number;
  bytes: number;
}

/** How far a run is. */
export interface MirrorEvent {
  readonly phase: "copy" | "heal" | "delete";
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** What a run did; of a dry run, what it would have done. */
export interface MirrorReport {
  readonly copied: Readonly<Record<MirroredKind, FileCounts>>;
  readonly deleted: Readonly<Record<MirroredKind, FileCounts>>;
  /** Ids of the snapshots that are on the target now and were not before. */
  readonly newSnapshots: readonly string[];
  /** Ids of the snapshots that were deleted on the target. */
  readonly deletedSnapshots: readonly string[];
  /** Files that only the target has, and keeps. */
  readonly onlyOnTarget: number;
  /** Snapshots among them. */
  readonly snapshotsOnlyOnTarget: readonly string[];
  /** Ids of snapshots that the target would not keep, and that were not copied. */
  readonly unwanted: readonly string[];
  /** What was forgotten at the target; undefined if it keeps nothing of its own, or there are problems. */
  readonly retention: RetentionReport | undefined;
  /** Files that were replaced by the other side's. */
  readonly healed: readonly { readonly side: MirrorSide; readonly file: FileRef }[];
  /** Empty if both sides are known to be well. */
  readonly problems: readonly MirrorProblem[];
}
