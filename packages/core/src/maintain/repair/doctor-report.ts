import type { VerifyEvent } from "../verify/verify-progress.ts";
import type { VerifyReport } from "../verify/verify-report.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import type { TrashEntry } from "../../repository/trash.ts";
import type { LostBlob } from "./blob-source.ts";
import type { RepairIndexEvent } from "./index-plan.ts";
import type { RepairPacksEvent } from "./repair-packs.ts";

/** What a doctor found and did. */
export interface DoctorReport {
  readonly before: VerifyReport;
  /** The state that the repository is left in; the same as `before` if nothing was done. */
  readonly after: VerifyReport;
  /** Snapshots that the cache of this machine has and the repository has not: lost, or forgotten from elsewhere. */
  readonly onlyInCache: readonly SnapshotEntry[];
  /** Forgotten snapshots that can still be brought back, each with when its grace ends; not the old forms of others. */
  readonly inTrash: readonly TrashEntry[];
  readonly treatment: Treatment | undefined;
}

/** What was changed. Everything is a name of a file where nothing else is said. */
export interface Treatment {
  readonly snapshotsMended: readonly string[];
  readonly keysMended: readonly string[];
  /** Packs that lay in wrong folders, and are in their places now. */
  readonly packsPlaced: readonly string[];
  readonly packsSalvaged: readonly string[];
  /** Number of blobs that were saved out of damaged packs. */
  readonly blobsSalvaged: number;
  /** How many lost blobs were found where. */
  readonly blobsFound: ReadonlyMap<string, number>;
  /** What snapshots need and nobody had. */
  readonly blobsLost: readonly LostBlob[];
}

/** What a doctor is at. */
export type DoctorEvent =
  | { readonly kind: "step"; readonly step: DoctorStep }
  | { readonly kind: "verify"; readonly event: VerifyEvent }
  | { readonly kind: "index"; readonly event: RepairIndexEvent }
  | { readonly kind: "packs"; readonly event: RepairPacksEvent };

/** The steps; those from `snapshots` on change the repository. */
export type DoctorStep =
  "verify" | "snapshots" | "places" | "packs" | "index" | "blobs" | "verify-again";
