import { NO_COUNTS, type SummaryCounts } from "../format/snapshot.ts";
import { absolutePath, printablePath } from "../fs/path.ts";
import type { Listing } from "./listing.ts";
import type { StoreCounts } from "./protocol.ts";

/** How an entry compares with the parent snapshot. */
export type Change = "new" | "changed" | "unmodified";

/** What a backup tells while it runs. Paths are made printable. Sizes in bytes. */
export type BackupNotice =
  /** At most ten times a second. Totals are there once the scan has found them. */
  | ({ readonly kind: "progress"; readonly current: string } & ProgressState)
  /** One for each entry, if asked for. */
  | {
      readonly kind: "item";
      readonly type: "file" | "dir";
      readonly path: string;
      readonly size: number;
      readonly change: Change;
    }
  /** Something was left out because it could not be read. */
  | { readonly kind: "error"; readonly path: string; readonly message: string }
  /** Something that decides what is saved could not be read. */
  | { readonly kind: "warning"; readonly message: string }
  /** A file changed while it was read, twice; what was read last was kept. */
  | { readonly kind: "unstable"; readonly path: string }
  /** Another lock is in the way and is waited for. */
  | { readonly kind: "waiting"; readonly message: string; readonly waitMs: number };

/** How far a backup has come. */
export interface ProgressState {
  readonly filesDone: number;
  readonly bytesDone: number;
  readonly errors: number;
  readonly totalFiles: number | undefined;
  readonly totalBytes: number | undefined;
}

/** What a backup counted, in the fields of restic's summary. */
export interface BackupCounts extends SummaryCounts {
  /** Entries that could not be read. */
  errors: number;
  /** Files that changed during both readings. */
  unstable: number;
}

const INTERVAL_MS = 100;

/** Counts what a backup does and tells whoever listens. */
export class BackupProgress {
  readonly counts: BackupCounts = {
    ...NO_COUNTS,
    errors: 0,
    unstable: 0,
  };
  readonly #onEvent: ((notice: BackupNotice) => void) | undefined;
  #totals: { files: number; bytes: number } | undefined;
  #lastNotice = 0;
  #partlyDone = 0;
  /** Whether every entry is told. */
  readonly reportItems: boolean;

  constructor(onEvent?: (notice: BackupNotice) => void, reportItems = false) {
    this.#onEvent = onEvent;
    this.reportItems = reportItems;
  }

  /** What the scan found. */
  setTotals(totals: { files: number; bytes: number }): void {
    this.#totals = totals;
  }

  /** What a look at a directory found that needs nothing more. */
  listed(path: Uint8Array, listing: Listing): void {
    const { counts } = this;
    counts.filesUnmodified += listing.unmodified;
    counts.dirsUnmodified += listing.sameDirectories;
    counts.totalFilesProcessed += listing.unmodified;
    counts.totalBytesProcessed += listing.bytes;
    for (const { path: failed, message } of listing.errors) this.error(failed, message);
    for (const message of listing.warnings) this.#onEvent?.({ kind: "warning", message });
    for (const item of listing.items) this.#tellItem("file", item.path, item.size, "unmodified");
    this.#tellProgress(path);
  }

  fileDone(path: Uint8Array, size: number, change: Change): void {
    const { counts } = this;
    if (change === "new") counts.filesNew++;
    else if (change === "changed") counts.filesChanged++;
    else counts.filesUnmodified++;
    counts.totalFilesProcessed++;
    counts.totalBytesProcessed += size;
    this.#tell("file", path, size, change);
  }

  /** Part of a large file has been stored; `bytes` is negative when the whole file is counted instead. */
  partDone(path: Uint8Array, bytes: number): void {
    this.#partlyDone += bytes;
    this.#tellProgress(path);
  }

  directoryDone(path: Uint8Array, change: Change): void {
    if (change === "new") this.counts.dirsNew++;
    else if (change === "changed") this.counts.dirsChanged++;
    else this.counts.dirsUnmodified++;
    this.#tell("dir", path, 0, change);
  }

  error(path: Uint8Array, message: string): void {
    this.counts.errors++;
    this.#onEvent?.({ kind: "error", path: printablePath(path), message });
  }

  unstable(path: Uint8Array): void {
    this.counts.unstable++;
    this.#onEvent?.({ kind: "unstable", path: printablePath(path) });
  }

  stored(counts: StoreCounts): void {
    this.counts.dataBlobs += counts.blobs;
    this.counts.dataAdded += counts.added;
    this.counts.dataAddedPacked += counts.packed;
  }

  treeStored(plainLength: number, storedLength: number): void {
    this.counts.treeBlobs++;
    this.counts.dataAdded += plainLength;
    this.counts.dataAddedPacked += storedLength;
  }

  #tell(type: "file" | "dir", path: Uint8Array, size: number, change: Change): void {
    if (this.reportItems) this.#tellItem(type, path, size, change);
    this.#tellProgress(path);
  }

  #tellItem(type: "file" | "dir", path: Uint8Array, size: number, change: Change): void {
    this.#onEvent?.({ kind: "item", type, path: printablePath(absolutePath(path)), size, change });
  }

  #tellProgress(path: Uint8Array): void {
    if (this.#onEvent === undefined) return;
    const now = Date.now();
    if (now - this.#lastNotice < INTERVAL_MS) return;
    this.#lastNotice = now;
    this.#onEvent({
      kind: "progress",
      current: printablePath(absolutePath(path)),
      filesDone: this.counts.totalFilesProcessed,
      bytesDone: this.counts.totalBytesProcessed + this.#partlyDone,
      errors: this.counts.errors,
      totalFiles: this.#totals?.files,
      totalBytes: this.#totals?.bytes,
    });
  }
}
