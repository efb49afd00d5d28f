import type { CallOptions } from "../backend/backend.ts";
import type { CompressionLevel } from "../compress/zstd.ts";
import type { PatternList } from "../fs/filter.ts";
import type { TagFile } from "../fs/tag-file.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import type { ParentGrouping } from "./find-parent.ts";
import type { BackupCounts, BackupNotice } from "./progress.ts";
import type { StoredPathOptions } from "./stored-path.ts";
import type { BackupPool } from "./store.ts";

/** What to save, how, and as what. Everything has restic's defaults. */
export interface BackupOptions extends CallOptions, StoredPathOptions {
  readonly hostname?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** RFC 3339 time of the snapshot; now if absent. */
  readonly time?: string | undefined;
  /** Id or prefix of the snapshot to compare with. */
  readonly parent?: string | undefined;
  /** What the parent must have in common with the snapshot: host and paths if absent. */
  readonly groupBy?: ParentGrouping | undefined;
  /** Read all files again. */
  readonly force?: boolean | undefined;
  /** Each list on its own excludes what it matches. */
  readonly exclude?: readonly PatternList[] | undefined;
  /** Patterns to be recorded in the snapshot. */
  readonly recordedExcludes?: readonly string[] | undefined;
  readonly oneFileSystem?: boolean | undefined;
  /** Save a folder that one of them marks without its contents, but for the tag. */
  readonly excludeIfPresent?: readonly TagFile[] | undefined;
  /** Files of such names say, with gitignore's rules, what is left out from their folders on. */
  readonly ignoreFileNames?: readonly string[] | undefined;
  /** Leave out what is longer than this many bytes. */
  readonly excludeLargerThan?: number | undefined;
  readonly ignoreInode?: boolean | undefined;
  readonly ignoreCtime?: boolean | undefined;
  readonly withAtime?: boolean | undefined;
  /** Record when each entry was made, where the system tells. */
  readonly withBirthTime?: boolean | undefined;
  /** Record which entries are immutable, append-only or not to be dumped, where the system tells. */
  readonly withInodeFlags?: boolean | undefined;
  /** Do everything but write. */
  readonly dryRun?: boolean | undefined;
  /** Make no snapshot if its tree would be the parent's. */
  readonly skipIfUnchanged?: boolean | undefined;
  /** Count files first, so that progress has totals. */
  readonly scan?: boolean | undefined;
  readonly compression?: CompressionLevel | undefined;
  /** Target size of packs in bytes, 4 to 128 MiB; 16 MiB if absent. */
  readonly packSize?: number | undefined;
  /** Check each compressed blob before it is sealed; on unless false. */
  readonly extraVerify?: boolean | undefined;
  /** Worker threads; as many as the machine has cores if absent. */
  readonly threads?: number | undefined;
  /** Threads that were started before the repository was opened, instead of new ones. */
  readonly workers?: BackupPool | undefined;
  /** Recorded in the snapshot, e.g. `tsbak 0.1.0`. */
  readonly programVersion?: string | undefined;
  readonly retryLockMs?: number | undefined;
  readonly onEvent?: ((notice: BackupNotice) => void) | undefined;
  /** Tell `onEvent` of every entry, by `item`. */
  readonly reportItems?: boolean | undefined;
}

/** What came of a backup. */
export interface BackupSummary extends BackupCounts {
  /** Undefined after a dry run, or when an unchanged tree was skipped. */
  readonly snapshot: SnapshotEntry | undefined;
  /** Root tree, also of a dry run. */
  readonly tree: string;
  readonly parent: string | undefined;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly endedAt: string;
}
