/**
 * Copy snapshots from one repository to another, with all that they need and the target does not have.
 *
 *   (1) Of both, snapshots are listed before the index is read (restic format, section 12).
 *   (2) What is written comes in the order packs, index, snapshots; whatever was stored before an interruption is indexed, and the next
 *       run takes it from there.
 *   (3) Trees are copied byte for byte, and so is data as it is compressed, unless the target's version is another.
 *
 * @module
 */
import type { CompressionLevel } from "../../compress/zstd.ts";
import type { Repository } from "../../repository/repository.ts";
import { listSnapshots, type SnapshotEntry } from "../../repository/snapshots.ts";
import type { Retention } from "../forget/apply-retention.ts";
import { BlobTransfer } from "../transfer/blob-transfer.ts";
import type { Recompression } from "../transfer/transfer-protocol.ts";
import type { CopyEvent, CopyReport } from "./copy-report.ts";
import { copyWanted, forgetCopies } from "./keep-copies.ts";
import { SnapshotCopier } from "./snapshot-copier.ts";
import { withBothLocked, type BothLocksOptions } from "./with-both-locked.ts";

/** How to copy. */
export interface CopyOptions extends BothLocksOptions {
  /** Which snapshots, in their order; called when the source is locked. All, the oldest first, unless given. */
  readonly select?: ((signal: AbortSignal) => Promise<readonly SnapshotEntry[]>) | undefined;
  /** Target size of new packs in bytes; 16 MiB unless given. */
  readonly packSize?: number | undefined;
  /** Of data that the source holds uncompressed, which stays so unless given, or the source is of version 1. */
  readonly compression?: CompressionLevel | undefined;
  /** Decompress what was compressed again before it is stored; true unless given. */
  readonly extraVerify?: boolean | undefined;
  /** Threads that read and seal; as many as there are cores unless given. */
  readonly threads?: number | undefined;
  /** What the target keeps. Snapshots that it would not keep are not copied, and those that it keeps no longer are forgotten there. */
  readonly retention?: Retention | undefined;
  readonly onEvent?: ((event: CopyEvent) => void) | undefined;
}

/**
 * Copy snapshots. Those that were copied before are left out; those that the source cannot give in full are in the report. With a
 * retention the target is locked exclusively afterwards, if anything is to be forgotten there.
 *
 * @throws {TsbakError} `locked`, `interrupted`, or what a backend throws. As `planForget` for the retention; as `applyRetention`, and then
 * everything was copied.
 */
export async function copySnapshots(
  source: Repository,
  target: Repository,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const { copier, entries } = await withBothLocked(source, target, options, (signal) =>
    run(source, target, options, signal),
  );
  const { copied, skipped, failed, unwanted, blobs, bytes } = copier;
  const report = { copied, skipped, failed, unwanted, blobs, bytes };
  if (options.retention === undefined) return { ...report, retention: undefined };
  const retention = await forgetCopies(target, entries, options.retention, options);
  return { ...report, retention };
}

interface Copying {
  readonly copier: SnapshotCopier;
  /** All that was asked for. */
  readonly entries: readonly SnapshotEntry[];
}

async function run(
  source: Repository,
  target: Repository,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<Copying> {
  const call = { signal };
  const select = options.select ?? (() => listSnapshots(source, {}, call));
  const entries = await select(signal);
  // A copy that cannot be read is made once more.
  const copies = await listSnapshots(target, {}, { signal, onDamaged: () => undefined });
  const [from, to] = await Promise.all([source.loadIndex(call), target.loadIndex(call)]);
  const sides = {
    source: { repository: source, index: from },
    target: { repository: target, index: to },
  };
  const { packSize = 16 << 20, compression, extraVerify, threads } = options;
  const isAsked = compression !== undefined && compression !== "off";
  const isWorthwhile = isAsked || (source.version === 1 && compression === undefined);
  const recompress: Recompression = isWorthwhile ? "worthwhile" : "none";
  const wishes = { packSize, compression, extraVerify, threads, recompress, signal };
  let transfer: BlobTransfer | undefined;
  // Threads take their time to start, and often there is nothing to be moved.
  const startTransfer = (): BlobTransfer =>
    (transfer = new BlobTransfer(sides.source, sides.target, wishes));
  const onEvent = options.onEvent ?? (() => undefined);
  try {
    const parts = { ...sides, startTransfer, copies, packSize, call, onEvent };
    const copier = new SnapshotCopier(parts);
    const { retention } = options;
    if (retention === undefined) await copier.copyAll(entries);
    else await copyWanted(copier, entries, copies, retention);
    return { copier, entries };
  } catch (error) {
    // Not under a lost lock: then nothing may be written.
    if (!signal.aborted || options.signal?.aborted === true) await transfer?.salvage();
    throw error;
  } finally {
    await transfer?.close();
  }
}
