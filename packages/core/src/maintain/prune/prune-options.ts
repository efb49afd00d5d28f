import type { CallOptions } from "../../backend/backend.ts";
import type { CompressionLevel } from "../../compress/zstd.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import type { PruneStatistics } from "./statistics.ts";

/** How much unused data may stay: bytes, or a share of all data that stays, from 0 to below 1. */
export type UnusedLimit = { readonly bytes: number } | { readonly share: number };

/** What decides which packs are repacked. */
export interface PlanOptions {
  /** 5 % unless given. `bytes: Infinity` repacks nothing for the sake of unused data. */
  readonly maxUnused?: UnusedLimit | undefined;
  /** Bytes of packs that are repacked at most. */
  readonly maxRepackSize?: number | undefined;
  /** Repack only packs that the cache keeps: those with trees. */
  readonly repackCacheableOnly?: boolean | undefined;
  /** Repack packs with data that is not compressed, and compress it. */
  readonly repackUncompressed?: boolean | undefined;
  /** Packs of fewer bytes are small; 80 % of what most packs have unless given. */
  readonly repackSmallerThan?: number | undefined;
}

/** How to prune. */
export interface PruneOptions extends PlanOptions, CallOptions {
  /** Only make the plan. */
  readonly dryRun?: boolean | undefined;
  /** With `dryRun`: take no lock. */
  readonly noLock?: boolean | undefined;
  /**
   * The id of the repository, to make sure: where the store has no room for new files, remove the index first, then packs, and write the
   * index anew at the end, all under an exclusive lock. Nothing is repacked. If it is interrupted, the index has to be repaired.
   */
  readonly recoverNoFreeSpace?: string | undefined;
  /** Snapshots to be taken for removed. */
  readonly ignoreSnapshots?: ReadonlySet<string> | undefined;
  /**
   * More snapshots whose blobs are to be spared, as far as they are there; those in the trash whose grace has not ended unless given. Asked
   * twice, at the end under the exclusive lock; always after the snapshots of the repository were listed.
   */
  readonly spare?: ((options: CallOptions) => Promise<readonly SnapshotEntry[]>) | undefined;
  /** Milliseconds after which no further pack is repacked; what was repacked by then is brought to its end. */
  readonly maxDurationMs?: number | undefined;
  /** Milliseconds to wait for others to end before anything can be removed; ten minutes, or `retryLockMs` if that is more, unless given. */
  readonly maxWaitMs?: number | undefined;
  /** Milliseconds to wait for a lock at the beginning. */
  readonly retryLockMs?: number | undefined;
  /** Target size of new packs in bytes; 16 MiB unless given. */
  readonly packSize?: number | undefined;
  readonly compression?: CompressionLevel | undefined;
  readonly extraVerify?: boolean | undefined;
  /**
   * On a store of this machine one for every two cores unless given, so that a prune is no burden to others; a single one is the caller's
   * own thread. Elsewhere as many as there are cores.
   */
  readonly threads?: number | undefined;
  readonly onEvent?: ((event: PruneEvent) => void) | undefined;
}

/** Parts of a prune, in their order. */
export type PrunePhase =
  "load" | "mark" | "plan" | "repack" | "index" | "wait" | "check-again" | "remove" | "done";

/** What a prune tells while it goes on. */
export type PruneEvent =
  /** `count` is the number of snapshots for `mark`, of packs for `repack`, and of files for `remove`. */
  | { readonly kind: "phase"; readonly phase: PrunePhase; readonly count: number }
  /** What will be done. */
  | { readonly kind: "plan"; readonly statistics: PruneStatistics }
  /** Trees that were read, or packs repacked, or files removed, in the present phase. */
  | { readonly kind: "progress"; readonly done: number }
  /** Somebody else's lock is waited for. */
  | { readonly kind: "waiting"; readonly message: string; readonly waitMs: number }
  /** All is ready, and others must end before anything can be removed. */
  | { readonly kind: "waiting-for-others"; readonly message: string; readonly limitMs: number }
  /** Something is odd and does no harm. */
  | { readonly kind: "warning"; readonly message: string };

/** What came of a prune. */
export interface PruneReport {
  readonly statistics: PruneStatistics;
  /** Of the packs that were to be repacked, those that `maxDurationMs` left no time for. */
  readonly postponedPacks: number;
  /** Packs that were to be removed, but are needed by snapshots that were made meanwhile. */
  readonly rescuedPacks: number;
  /** Packs that were removed. */
  readonly removedPacks: number;
  /** Packs that could not be removed; no index lists them, and the next prune tries again. */
  readonly failedRemovals: number;
}
