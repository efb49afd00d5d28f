/** What is in the repository and what becomes of it, in the words and with the sums of restic's prune. Sizes in bytes. */
export interface PruneStatistics {
  readonly blobs: {
    used: number;
    duplicate: number;
    unused: number;
    total: number;
    /** In packs that are repacked. */
    repack: number;
    /** Of these, what is not taken along. */
    repackRemove: number;
    /** In packs that are removed as a whole. */
    remove: number;
    removeTotal: number;
    remaining: number;
  };
  readonly bytes: {
    used: number;
    duplicate: number;
    unused: number;
    /** Of packs that no index lists. */
    unreferenced: number;
    /** Of packs with anything that is not compressed. */
    uncompressed: number;
    total: number;
    repack: number;
    repackRemove: number;
    remove: number;
    removeTotal: number;
    remaining: number;
    remainingUnused: number;
  };
  readonly packs: {
    used: number;
    unused: number;
    partlyUsed: number;
    unreferenced: number;
    total: number;
    keep: number;
    repack: number;
    remove: number;
    removeTotal: number;
  };
}

/** All zero. */
export function emptyStatistics(): PruneStatistics {
  const common = { used: 0, unused: 0, total: 0, repack: 0, remove: 0, removeTotal: 0 };
  const more = { ...common, duplicate: 0, repackRemove: 0, remaining: 0 };
  return {
    blobs: { ...more },
    bytes: { ...more, unreferenced: 0, uncompressed: 0, remainingUnused: 0 },
    packs: { ...common, partlyUsed: 0, unreferenced: 0, keep: 0 },
  };
}

/** Fill in the sums when all else is counted. */
export function sumUp({ blobs, bytes, packs }: PruneStatistics): void {
  blobs.total = blobs.used + blobs.unused + blobs.duplicate;
  blobs.removeTotal = blobs.remove + blobs.repackRemove;
  blobs.remaining = blobs.total - blobs.removeTotal;
  bytes.total = bytes.used + bytes.duplicate + bytes.unused + bytes.unreferenced;
  bytes.removeTotal = bytes.remove + bytes.repackRemove + bytes.unreferenced;
  bytes.remaining = bytes.total - bytes.removeTotal;
  bytes.remainingUnused = bytes.duplicate + bytes.unused - bytes.remove - bytes.repackRemove;
  packs.total = packs.used + packs.partlyUsed + packs.unused + packs.unreferenced;
  packs.removeTotal = packs.unreferenced + packs.remove;
}
