/**
 * The engine of tsbak: backup, restore and verify on repositories in the restic format.
 *
 * @module
 */

/** The version of this package. */
export const VERSION = "0.1.0";

export { isTsbakError, TsbakError } from "./errors.ts";
export type { ErrorCode } from "./errors.ts";

// Repositories.
export { StateFolder, stateDirectory } from "./fs/state-folder.ts";
export { cacheDirectory, findOldCaches, removeCaches } from "./backend/cache-folders.ts";
export { createRepository, currentOwner } from "./repository/create.ts";
export type { CreateOptions } from "./repository/create.ts";
export { openRepository } from "./repository/open.ts";
export type { OpenOptions } from "./repository/open.ts";
export type { EarlyWish } from "./repository/early-reads.ts";
export type { Repository } from "./repository/repository.ts";
export { addKey, loadKeyFile } from "./repository/keys.ts";
export type { KeyOwner, OpenedKey } from "./repository/keys.ts";
export { isExpired, KeyNotes } from "./repository/key-notes.ts";
export type { KeyNote } from "./repository/key-notes.ts";
export { removeKey } from "./repository/remove-key.ts";
export { listLocks } from "./repository/lock-files.ts";
export type { ListLocksOptions, LockEntry } from "./repository/lock-files.ts";
export type {
  HeldLock,
  LockNotice,
  LockOptions,
  LockSettings,
  LockWaiting,
} from "./repository/locks.ts";
export { confirmLocks, underLocks } from "./repository/under-locks.ts";
export type { WorkLocks } from "./repository/under-locks.ts";
export { isStaleLock, removeLocks } from "./repository/stale-locks.ts";
export type { BlobIndex, BlobLocation, IndexEntry } from "./repository/blob-index.ts";

// Snapshots and what is in them.
export { isFreshTarget } from "./fs/target.ts";
export { SnapshotSearch } from "./repository/snapshot-search.ts";
export type { ReadAhead, SearchOptions } from "./repository/snapshot-search.ts";
export {
  byTime,
  findByPrefix,
  findSnapshot,
  listSnapshots,
  loadSnapshot,
} from "./repository/snapshots.ts";
export type { SnapshotEntry, SnapshotFilter, SnapshotSelection } from "./repository/snapshots.ts";
export { copyToTrash, emptyTrash, graceSnapshots, listTrash } from "./repository/trash.ts";
export type { TrashEntry, TrashOptions } from "./repository/trash.ts";
export { findTree } from "./repository/find-tree.ts";
export { walkTree } from "./repository/walk-tree.ts";
export type { WalkEntry } from "./repository/walk-tree.ts";

// Looking into snapshots.
export { diffTrees } from "./inspect/diff.ts";
export type {
  DiffChange,
  DiffOptions,
  DiffSide,
  DiffStatistics,
  EntryCounts,
} from "./inspect/diff.ts";
export { dumpFile, dumpFolder, findDumpSource } from "./inspect/dump.ts";
export type { ArchiveFormat, DumpSource } from "./inspect/dump.ts";
export { findEntries } from "./inspect/find.ts";
export type { EntryQuery, FindOptions } from "./inspect/find.ts";
export { findObjects, resolveObjects, resolvePacks } from "./inspect/find-objects.ts";
export type { FoundObject, WantedObjects } from "./inspect/find-objects.ts";
export type { VisitedEntry } from "./inspect/visit-tree.ts";
export { diffWithDisk } from "./inspect/live-diff.ts";
export type { LiveDiffOptions, LiveDiffStatistics, LiveSide } from "./inspect/live-diff.ts";
export { countStats } from "./inspect/stats.ts";
export type { Stats, StatsMode } from "./inspect/stats.ts";
export { placeOnDisk } from "./inspect/live-place.ts";

// Operations.
export { backup, backupStream, explainBackup } from "./backup/backup.ts";
export type { BackupOptions, BackupSummary } from "./backup/backup-options.ts";
export type { Explanation } from "./backup/explain.ts";
export { startBackupWorkers } from "./backup/store.ts";
export type { ParentGrouping } from "./backup/find-parent.ts";
export type { BackupPool } from "./backup/store.ts";
export type { BackupCounts, BackupNotice, Change, ProgressState } from "./backup/progress.ts";
export type { StreamSource } from "./backup/stream.ts";
export { restore, startRestoreWorkers } from "./restore/restore.ts";
export type { RestoreOptions, RestorePool, RestoreSummary } from "./restore/restore.ts";
export { restoreEarly, type EarlyOptions } from "./restore/restore-early.ts";
export type { Overwrite } from "./restore/protocol.ts";
export type { RestoreCounts, RestoreNotice, RestoreState } from "./restore/progress.ts";
export { drill } from "./drill/drill.ts";
export type { DrillOptions, DrillProblem, DrillReport } from "./drill/drill.ts";
export { makeScratchFolder, removeScratchFolder } from "./fs/scratch-folder.ts";
export { verify } from "./maintain/verify/verify.ts";
export type { VerifyOptions } from "./maintain/verify/verify.ts";
export type { SnapshotChoice } from "./maintain/verify/choose-snapshots.ts";
export { startVerifyWorkers } from "./maintain/verify/read-packs.ts";
export type { VerifyPool } from "./maintain/verify/read-packs.ts";
export type { Coverage, UnreadPack } from "./maintain/verify/coverage.ts";
export type { ReadData } from "./maintain/verify/pack-verification.ts";
export { parseReadBudget } from "./maintain/verify/read-budget.ts";
export type { ReadBudget } from "./maintain/verify/read-budget.ts";
export { parseSubset } from "./maintain/verify/subset.ts";
export type { Subset } from "./maintain/verify/subset.ts";
export type { VerifyEvent } from "./maintain/verify/verify-progress.ts";
export type {
  AffectedPath,
  VerifyCounts,
  VerifyHint,
  VerifyHintKind,
  VerifyProblem,
  VerifyProblemKind,
  VerifyReport,
} from "./maintain/verify/verify-report.ts";

export { prune } from "./maintain/prune/prune.ts";
export type {
  PlanOptions,
  PruneEvent,
  PruneOptions,
  PrunePhase,
  PruneReport,
  UnusedLimit,
} from "./maintain/prune/prune-options.ts";
export type { PruneStatistics } from "./maintain/prune/statistics.ts";

// Upgrading repositories.
export { findMigrations, upgradeRepository } from "./maintain/migrate/upgrade-repository.ts";
export type { Migration, UpgradeOptions } from "./maintain/migrate/upgrade-repository.ts";
export { restoreConfig } from "./repository/replace-config.ts";

// Other snapshots in place of what there is.
export type { TagWish } from "./maintain/rewrite/change-tags.ts";
export type { OrphanOptions, Orphans } from "./maintain/rewrite/find-orphans.ts";
export { recover } from "./maintain/rewrite/recover.ts";
export type { RecoverOptions, RecoverSummary } from "./maintain/rewrite/recover.ts";
export type { RepairFinding, RepairFindingKind } from "./maintain/rewrite/repair-rules.ts";
export { repairSnapshots } from "./maintain/rewrite/repair-snapshots.ts";
export type {
  RepairedSnapshots,
  RepairSnapshotsOptions,
} from "./maintain/rewrite/repair-snapshots.ts";
export type { ReplaceOptions, SnapshotChange } from "./maintain/rewrite/replace-snapshots.ts";
export { rewriteSnapshots } from "./maintain/rewrite/rewrite-snapshots.ts";
export type { RewriteOptions } from "./maintain/rewrite/rewrite-snapshots.ts";
export { tagSnapshots } from "./maintain/rewrite/tag-snapshots.ts";
export type { TagOptions } from "./maintain/rewrite/tag-snapshots.ts";
export type { TreeStoreOptions } from "./repository/tree-store.ts";
// Repair.
export { repairIndex } from "./maintain/repair/repair-index.ts";
export type { RepairIndexOptions, RepairIndexSummary } from "./maintain/repair/repair-index.ts";
export type { RepairIndexEvent } from "./maintain/repair/index-plan.ts";
export { repairPacks } from "./maintain/repair/repair-packs.ts";
export type {
  KeepAside,
  RepairPacksEvent,
  RepairPacksOptions,
  RepairPacksSummary,
} from "./maintain/repair/repair-packs.ts";
export type { SalvagedPack, UnreadBlob } from "./maintain/repair/salvage-pack.ts";
export type { ExclusiveOptions } from "./maintain/repair/exclusive-lock.ts";
export { doctor } from "./maintain/repair/doctor.ts";
export type { DoctorOptions } from "./maintain/repair/doctor.ts";
export type {
  DoctorEvent,
  DoctorReport,
  DoctorStep,
  Treatment,
} from "./maintain/repair/doctor-report.ts";
export { planOpening } from "./maintain/repair/mend-opening.ts";
export type { OpeningRepair } from "./maintain/repair/mend-opening.ts";
export type { LostBlob, LostPlace } from "./maintain/repair/blob-source.ts";
export { keepCopy } from "./fs/keep-copy.ts";
// Several places.
export { copySnapshots } from "./maintain/copy/copy.ts";
export type { CopyOptions } from "./maintain/copy/copy.ts";
export { watchSnapshots } from "./maintain/copy/watch-snapshots.ts";
export type { WatchOptions } from "./maintain/copy/watch-snapshots.ts";
export type { CopiedSnapshot, CopyEvent, CopyReport } from "./maintain/copy/copy-report.ts";
export { mirror } from "./maintain/mirror/mirror.ts";
export type { MirrorOptions } from "./maintain/mirror/mirror.ts";
export type {
  FileCounts,
  MirroredKind,
  MirrorEvent,
  MirrorProblem,
  MirrorProblemKind,
  MirrorReport,
  MirrorSide,
} from "./maintain/mirror/mirror-report.ts";

export { rekey } from "./maintain/rekey/rekey.ts";
export type { RekeyOptions } from "./maintain/rekey/rekey.ts";
// Forgetting snapshots.
export { DEFAULT_GRACE_MS, forgetSnapshots } from "./maintain/forget/forget.ts";
export type { ForgetOptions, ForgetResult } from "./maintain/forget/forget.ts";
export { DEFAULT_FORGET_LIMIT, describeGroup, planForget } from "./maintain/forget/plan-forget.ts";
export type { ForgetGroup, ForgetLimit, ForgetPlanOptions } from "./maintain/forget/plan-forget.ts";
export { isHeldBack } from "./maintain/forget/apply-retention.ts";
export type { Retention, RetentionReport } from "./maintain/forget/apply-retention.ts";
export type { RetentionPlan } from "./maintain/forget/retention.ts";
export { applyPolicy, isEmptyPolicy } from "./maintain/forget/policy.ts";
export type {
  KeepPolicy,
  KeptSnapshot,
  Period,
  PolicyOutcome,
  PolicySetting,
} from "./maintain/forget/policy.ts";
export { describePolicy } from "./maintain/forget/describe-policy.ts";
export type { Shrink } from "./maintain/forget/shrink.ts";
export type { TimeSpan } from "./maintain/forget/time-span.ts";
export { newestForms } from "./maintain/forget/newest-forms.ts";
export { undeleteSnapshot } from "./maintain/forget/undelete.ts";
export type { UndeleteOptions } from "./maintain/forget/undelete.ts";
export { groupSnapshots } from "./repository/group-snapshots.ts";
export type {
  SnapshotGroup,
  SnapshotGrouping,
  SnapshotGroupKey,
} from "./repository/group-snapshots.ts";
export { localOffsetSeconds } from "./fs/zone.ts";

// Trying out stores.
export { assessStore } from "./maintain/assessment/assess-store.ts";
export type { AssessmentOptions, AssessmentStep } from "./maintain/assessment/assess-store.ts";
export type {
  CheckName,
  CheckOutcome,
  ClockDifference,
  Spread,
  StoreAssessment,
  StoreCheck,
  StoreLatency,
  StoreThroughput,
} from "./maintain/assessment/assessment.ts";

// Patterns.
export { compilePatterns } from "./fs/filter.ts";
export type { IncludeMatch, PatternList, PatternOptions, PatternSource } from "./fs/filter.ts";
export type { AttributeRule } from "./fs/attribute-rule.ts";
export { compileGlob } from "./fs/glob.ts";
export type { NameTest } from "./fs/glob.ts";
export { CACHE_TAG } from "./fs/tag-file.ts";
export type { TagFile } from "./fs/tag-file.ts";
export { printablePath } from "./fs/path.ts";
export { readPatternFile, readPatternLines } from "./fs/pattern-file.ts";

// For backends.
export { isInPageCache } from "./fs/page-cache.ts";

// For commands.
export { keepNativeMemorySmall } from "./workers/native-memory.ts";

// What the files of a repository say.
export type { BlobType } from "./format/blob-type.ts";
export type { Config } from "./format/config.ts";
export { encodeJson, parseJson } from "./format/json.ts";
export type { JsonObject, JsonValue } from "./format/json.ts";
export { encodeMasterKey } from "./format/key-file.ts";
export type { KeyFile } from "./format/key-file.ts";
export type { LockFile } from "./format/lock-file.ts";
export type { ExtendedAttribute, Node } from "./format/node.ts";
export { encodeSnapshot } from "./format/snapshot.ts";
export type { Snapshot, SnapshotSummary } from "./format/snapshot.ts";
export { unixMode } from "./fs/mode.ts";
export { compareTimes, parseTime } from "./format/time.ts";
export type { CompressionLevel } from "./compress/zstd.ts";

// How stores are treated; `openStore` of `@tsbak/backends` does it.
export { wrapLocalStore, wrapStore } from "./backend/wrap-store.ts";
export type { WrapOptions } from "./backend/wrap-store.ts";
export type { BandwidthOptions } from "./backend/bandwidth.ts";
export type { RetryNotice, RetryOptions } from "./backend/retry.ts";
export { Traffic } from "./backend/traffic.ts";
export { removeFiles } from "./backend/remove-files.ts";
export type { RemoveFilesOptions } from "./backend/remove-files.ts";

// For those who write a backend; `@tsbak/core/testing` has the suite that it must pass.
export { interruptedError, throwIfAborted, untilAborted } from "./async/interrupted.ts";
export { Semaphore } from "./async/semaphore.ts";
export type { Release } from "./async/semaphore.ts";
export { CONFIG_REF, LENT_ROOM, REMOVED_AT_ONCE } from "./backend/backend.ts";
export type {
  Backend,
  BackendMethod,
  ByteRange,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
  MisplacedPack,
  MisplacedPacks,
  OnBytes,
  OpenFile,
  ReadOptions,
  RemoveFailure,
  WriteOptions,
} from "./backend/backend.ts";
export {
  checkRange,
  checkRef,
  defaultLayoutPath,
  describeFile,
  describeFiles,
  FIRST_FOLDERS,
  KIND_FOLDERS,
} from "./backend/layout.ts";
export { MemoryBackend } from "./backend/memory.ts";
export { makeFolders } from "./fs/make-folders.ts";
export { isId } from "./bytes/hex.ts";
