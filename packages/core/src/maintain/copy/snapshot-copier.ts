import type { CallOptions } from "../../backend/backend.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { saveSnapshot, type SnapshotEntry } from "../../repository/snapshots.ts";
import type { BlobTransfer } from "../transfer/blob-transfer.ts";
import type { TransferJob } from "../transfer/pack-reader.ts";
import type { CopiedSnapshot, CopyEvent, CopyReport } from "./copy-report.ts";
import { CopyFinder } from "./find-copy.ts";
import { MissingBlobs } from "./missing-blobs.ts";

/** A batch ends when both are reached: bytes that were read for it, as a multiple of the size of packs; and its age. */
const BATCH_PACKS = 100;
const BATCH_MS = 60_000;

/** A repository and its index. */
interface Side {
  readonly repository: Repository;
  readonly index: BlobIndex;
}

/** What copying is done with. */
export interface CopierParts {
  readonly source: Side;
  readonly target: Side;
  /** Makes what moves blobs, when there are any. Its maker closes it. */
  readonly startTransfer: () => BlobTransfer;
  /** All snapshots of the target. */
  readonly copies: readonly SnapshotEntry[];
  /** Of the target, in bytes. */
  readonly packSize: number;
  readonly call: CallOptions;
  readonly onEvent: (event: CopyEvent) => void;
}

/**
 * Copies snapshots in batches: the blobs of several, then the index that names them, then the snapshots themselves. Small
 * snapshots so share packs, and of an interrupted run what was finished stays.
 */
export class SnapshotCopier implements Omit<CopyReport, "retention"> {
  readonly copied: CopiedSnapshot[] = [];
  readonly skipped: CopiedSnapshot[] = [];
  readonly failed: { source: SnapshotEntry; error: TsbakError }[] = [];
  readonly unwanted: SnapshotEntry[] = [];
  blobs = 0;
  bytes = 0;
  readonly #parts: CopierParts;
  readonly #finder: CopyFinder;
  readonly #missing: MissingBlobs;
  #transfer: BlobTransfer | undefined;
  #batch: SnapshotEntry[] = [];
  #batchBytes = 0;
  #batchSince = 0;

  constructor(parts: CopierParts) {
    this.#parts = parts;
    this.#finder = new CopyFinder(parts.copies);
    this.#missing = new MissingBlobs(parts.source, parts.target.index, parts.call);
  }

  /** Copy those that are not there yet. */
  async copyAll(entries: readonly SnapshotEntry[]): Promise<void> {
    for (const source of entries) {
      const copy = this.#finder.find(source);
      if (copy === undefined) await this.#copy(source);
      else this.#skip({ source, copy });
      const isOld = performance.now() - this.#batchSince >= BATCH_MS;
      if (isOld && this.#batchBytes >= BATCH_PACKS * this.#parts.packSize) await this.#finish();
    }
    await this.#finish();
  }

  /** Note one that is not copied because nobody wants it there. */
  leaveOut(source: SnapshotEntry): void {
    this.unwanted.push(source);
    this.#parts.onEvent({ type: "unwanted", source });
  }

  #skip(pair: CopiedSnapshot): void {
    this.skipped.push(pair);
    this.#parts.onEvent({ type: "skipped", ...pair });
  }

  async #copy(source: SnapshotEntry): Promise<void> {
    if (this.#batch.length === 0) this.#batchSince = performance.now();
    try {
      await this.#moveBlobs(source);
      this.#batch.push(source);
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
      // What it has in common with others may not have been moved.
      await this.#finish();
      this.#missing.forget();
      this.failed.push({ source, error });
      this.#parts.onEvent({ type: "failed", source, error });
    }
  }

  async #moveBlobs(source: SnapshotEntry): Promise<void> {
    const { index } = this.#parts.source;
    const entries = await this.#missing.find(source.snapshot.tree);
    const jobs = jobsOf(index, entries);
    const sizes = new Map(jobs.map((job) => [job, sizeOf(index, job)]));
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const { onEvent } = this.#parts;
    onEvent({ type: "started", source, blobs: entries.length, bytes, packs: jobs.length });
    if (jobs.length === 0) return;
    this.#transfer ??= this.#parts.startTransfer();
    let packsDone = 0;
    let bytesDone = 0;
    await this.#transfer.run(jobs, (job) => {
      packsDone++;
      bytesDone += sizes.get(job) ?? 0;
      onEvent({
        type: "progress",
        packsDone,
        packsTotal: jobs.length,
        bytesDone,
        bytesTotal: bytes,
      });
    });
    this.blobs += entries.length;
    this.bytes += bytes;
    this.#batchBytes += bytes;
  }

  async #finish(): Promise<void> {
    await this.#transfer?.finish();
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    for (const source of batch) {
      const copy = await saveSnapshot(this.#parts.target.repository, copyOf(source));
      this.#finder.add(copy);
      this.copied.push({ source, copy });
      this.#parts.onEvent({ type: "saved", source, copy });
    }
  }
}

/** The parent is of the other repository; the origin stays the same in every copy of a copy. */
function copyOf({ id, snapshot }: SnapshotEntry): SnapshotEntry["snapshot"] {
  return { ...snapshot, parent: undefined, original: snapshot.original ?? id };
}

function jobsOf(index: BlobIndex, entries: readonly number[]): TransferJob[] {
  const byPack = new Map<number, number[]>();
  for (const entry of entries) {
    const pack = index.packNumberAt(entry);
    const list = byPack.get(pack);
    if (list === undefined) byPack.set(pack, [entry]);
    else list.push(entry);
  }
  return Array.from(byPack, ([pack, list]) => {
    list.sort((a, b) => index.offsetAt(a) - index.offsetAt(b));
    return { pack, entries: Uint32Array.from(list) };
  });
}

function sizeOf(index: BlobIndex, { entries }: TransferJob): number {
  return entries.reduce((sum, entry) => sum + index.lengthAt(entry), 0);
}
