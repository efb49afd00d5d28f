/**
 * What `assessStore` finds out about a store.
 *
 * @module
 */

/** How long calls took, in milliseconds. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Calls on small files, one after the other. */
export interface StoreLatency {
  readonly write: Spread;
  readonly read: Spread;
  readonly list: Spread;
  readonly remove: Spread;
}

/** Bytes a second with large files: one alone, and as many at once as the store has connections. */
export interface StoreThroughput {
  readonly upload: number;
  readonly download: number;
  readonly uploadAtOnce: number;
  readonly downloadAtOnce: number;
  /** How many at once. */
  readonly atOnce: number;
}

/** How far the store's clock is ahead of ours, in milliseconds; negative if it is behind. */
export interface ClockDifference {
  readonly aheadMs: number;
  /** The truth is so near, either way. */
  readonly uncertaintyMs: number;
}

/** What is looked at, in this order. */
export type CheckName =
  | "write-and-read"
  | "visible-at-once"
  | "whole-or-absent"
  | "create-only"
  | "one-winner"
  | "ranges"
  | "empty-file"
  | "missing-file"
  | "removal"
  | "many-files"
  | "speed";

/** `limited` is what backups can live with, if people know of it; `failed` is what they cannot. */
export type CheckOutcome = "passed" | "limited" | "failed";

/** One of the things that a store must do, and whether it does. */
export interface StoreCheck {
  readonly name: CheckName;
  readonly outcome: CheckOutcome;
  /** What was seen; empty if it passed. */
  readonly finding: string;
  /** What that means for backups; empty if it passed. */
  readonly meaning: string;
}

/** Everything that was found out. */
export interface StoreAssessment {
  readonly location: string;
  readonly connections: number;
  readonly checks: readonly StoreCheck[];
  /** Undefined if the check `speed` failed; so is `throughput`. */
  readonly latency: StoreLatency | undefined;
  readonly throughput: StoreThroughput | undefined;
  /** Undefined where the store does not tell its time. */
  readonly clock: ClockDifference | undefined;
  /** Files that could not be removed in the end. */
  readonly leftBehind: number;
  /** False if empty folders may be left. */
  readonly foldersRemoved: boolean;
}
