import type { TsbakError } from "../../errors.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import type { RetentionReport } from "../forget/apply-retention.ts";

/** A snapshot of the source, and what it became in the target. */
export interface CopiedSnapshot {
  readonly source: SnapshotEntry;
  readonly copy: SnapshotEntry;
}

/** What is told while snapshots are copied. */
export type CopyEvent =
  /** It was copied before, and is left out. */
  | ({ readonly type: "skipped" } & CopiedSnapshot)
  /** The target would not keep it, and it is left out. */
  | { readonly type: "unwanted"; readonly source: SnapshotEntry }
  /** What it needs and the target does not have: blobs, their bytes as they are stored in the source, packs to be read. */
  | {
      readonly type: "started";
      readonly source: SnapshotEntry;
      readonly blobs: number;
      readonly bytes: number;
      readonly packs: number;
    }
  /** Of the snapshot that was started last. */
  | {
      readonly type: "progress";
      readonly packsDone: number;
      readonly packsTotal: number;
      readonly bytesDone: number;
      readonly bytesTotal: number;
    }
  /** All that it needs is durable, and it is too. */
  | ({ readonly type: "saved" } & CopiedSnapshot)
  /** Something that it needs is lost in the source; the others go on. */
  | { readonly type: "failed"; readonly source: SnapshotEntry; readonly error: TsbakError };

/** What came of copying. */
export interface CopyReport {
  readonly copied: readonly CopiedSnapshot[];
  readonly skipped: readonly CopiedSnapshot[];
  readonly failed: readonly { readonly source: SnapshotEntry; readonly error: TsbakError }[];
  /** Left out because the target would not keep them. */
  readonly unwanted: readonly SnapshotEntry[];
  /** Blobs that the target lacked, and their bytes as they were stored in the source. */
  readonly blobs: number;
  readonly bytes: number;
  /** What was forgotten at the target; undefined if it was not to keep anything of its own. */
  readonly retention: RetentionReport | undefined;
}
