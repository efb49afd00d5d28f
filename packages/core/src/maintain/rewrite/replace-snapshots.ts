/**
 * New snapshots in place of old ones. Everything that the new ones refer to is durable and indexed before; killed in between,
 * there are both, and the same command run again takes the new one for what it is.
 *
 * @module
 */
import { throwIfAborted } from "../../async/interrupted.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { equalBytes } from "../../bytes/compare.ts";
import { encodeSnapshot, type Snapshot } from "../../format/snapshot.ts";
import type { Repository } from "../../repository/repository.ts";
import { listSnapshots, saveSnapshot, type SnapshotEntry } from "../../repository/snapshots.ts";
import { copyToTrashIfAny } from "../../repository/trash.ts";
import { DEFAULT_GRACE_MS } from "../forget/forget.ts";

/** What became of a snapshot. */
export interface SnapshotChange {
  readonly old: SnapshotEntry;
  /** What was saved in its place; undefined if it was only removed, or nothing was written. */
  readonly saved: SnapshotEntry | undefined;
  /** The old one is gone, or would be. */
  readonly isRemoved: boolean;
}

/** A snapshot and what is to be in its place; nothing if it can only be removed. */
export interface SnapshotPlan {
  readonly old: SnapshotEntry;
  readonly snapshot: Snapshot | undefined;
}

/** Options of `replaceSnapshots`. */
export interface ReplaceOptions extends CallOptions {
  readonly dryRun?: boolean | undefined;
  /** Remove the old snapshots, which takes an exclusive lock. */
  readonly forget?: boolean | undefined;
  /** How long those can be brought back, in milliseconds; 0 for not at all. `DEFAULT_GRACE_MS` unless given. */
  readonly graceMs?: number | undefined;
  /** Told of each change when it is done, or would be. */
  readonly onChange?: ((change: SnapshotChange) => void) | undefined;
}

/** Carry plans out, one after the other. Without `forget`, nothing is removed: not even that for which there is nothing new. */
export async function replaceSnapshots(
  repository: Repository,
  plans: readonly SnapshotPlan[],
  options: ReplaceOptions,
): Promise<SnapshotChange[]> {
  const { dryRun = false, forget = false, onChange } = options;
  const isIdle = dryRun || plans.length === 0;
  const replacer = isIdle ? undefined : await SnapshotReplacer.open(repository, options);
  const changes: SnapshotChange[] = [];
  for (const { old, snapshot } of plans) {
    if (snapshot === undefined && !forget) continue;
    const done =
      snapshot === undefined ? replacer?.remove(old) : replacer?.replace(old, snapshot, forget);
    const change = (await done) ?? { old, saved: undefined, isRemoved: forget };
    onChange?.(change);
    changes.push(change);
  }
  return changes;
}

/** How snapshots are replaced, and how long the old ones can be brought back. */
export type ReplacerOptions = Pick<ReplaceOptions, "signal" | "graceMs">;

/** Writes snapshots in place of others, each first the new one, then a copy of the old one to the trash and away with it if it is to go. */
export class SnapshotReplacer {
  readonly #repository: Repository;
  readonly #options: CallOptions;
  readonly #graceMs: number;
  /** Snapshots that were made from others and are there, by the id of those. */
  readonly #made = new Map<string, Set<SnapshotEntry>>();

  private constructor(repository: Repository, { signal, graceMs }: ReplacerOptions) {
    this.#repository = repository;
    this.#options = { signal };
    this.#graceMs = graceMs ?? DEFAULT_GRACE_MS;
  }

  /** Learns what snapshots there are, so that none is made twice. */
  static async open(repository: Repository, options: ReplacerOptions): Promise<SnapshotReplacer> {
    const replacer = new SnapshotReplacer(repository, options);
    const all = { ...options, onDamaged: () => undefined };
    for (const entry of await listSnapshots(repository, {}, all)) replacer.#remember(entry);
    return replacer;
  }

  /** The caller holds an exclusive lock if the old one goes. */
  async replace(
    old: SnapshotEntry,
    snapshot: Snapshot,
    removeOld: boolean,
  ): Promise<SnapshotChange> {
    throwIfAborted(this.#options.signal);
    const saved = this.#find(snapshot, old) ?? (await saveSnapshot(this.#repository, snapshot));
    this.#remember(saved);
    if (removeOld) await this.remove(old);
    return { old, saved, isRemoved: removeOld };
  }

  /** Remove a snapshot, for which nothing more comes. It stays if no copy can be kept, unless the store has no trash at all. */
  async remove(old: SnapshotEntry): Promise<SnapshotChange> {
    throwIfAborted(this.#options.signal);
    this.#leaveOut(old.id);
    if (this.#graceMs > 0) {
      await copyToTrashIfAny(this.#repository, old.id, this.#graceMs, this.#options);
    }
    await this.#repository.backend.remove({ kind: "snapshot", name: old.id }, this.#options);
    return { old, saved: undefined, isRemoved: true };
  }

  /** What an earlier run left: a snapshot that says the same in all fields. Never the old one itself, which may be about to go. */
  #find(snapshot: Snapshot, old: SnapshotEntry): SnapshotEntry | undefined {
    const bytes = encodeSnapshot(snapshot);
    const made = this.#made.get(snapshot.original ?? "") ?? [];
    return [...made].find(
      (entry) => entry.id !== old.id && equalBytes(encodeSnapshot(entry.snapshot), bytes),
    );
  }

  #remember(entry: SnapshotEntry): void {
    const { original } = entry.snapshot;
    if (original === undefined) return;
    const made = this.#made.get(original);
    if (made === undefined) this.#made.set(original, new Set([entry]));
    else made.add(entry);
  }

  #leaveOut(id: string): void {
    for (const made of this.#made.values()) {
      for (const entry of made) if (entry.id === id) made.delete(entry);
    }
  }
}
