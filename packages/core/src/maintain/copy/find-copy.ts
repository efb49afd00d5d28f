import type { Snapshot } from "../../format/snapshot.ts";
import { compareTimes, parseTime } from "../../format/time.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";

/** Knows which snapshots of a repository are copies of others, by restic's rule. */
export class CopyFinder {
  readonly #byOriginal = new Map<string, SnapshotEntry[]>();

  /** `entries` are all snapshots of the target. */
  constructor(entries: readonly SnapshotEntry[]) {
    for (const entry of entries) this.add(entry);
  }

  /** Note one more. */
  add(entry: SnapshotEntry): void {
    const { id, snapshot } = entry;
    for (const key of new Set([id, snapshot.original ?? id])) {
      this.#byOriginal.set(key, [...(this.#byOriginal.get(key) ?? []), entry]);
    }
  }

  /**
   * The snapshot that is a copy of this one: of the same origin, and equal but for parent and origin. One whose tags were changed since
   * is none.
   */
  find({ id, snapshot }: SnapshotEntry): SnapshotEntry | undefined {
    const candidates = this.#byOriginal.get(snapshot.original ?? id) ?? [];
    return candidates.find((candidate) => isSimilar(candidate.snapshot, snapshot));
  }
}

function isSimilar(a: Snapshot, b: Snapshot): boolean {
  return (
    compareTimes(parseTime(a.time), parseTime(b.time)) === 0 &&
    a.tree === b.tree &&
    a.hostname === b.hostname &&
    a.username === b.username &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.excludes.join("\0") === b.excludes.join("\0") &&
    haveSame(a.paths, b.paths) &&
    haveSame(a.tags, b.tags)
  );
}

function haveSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && b.every((text) => a.includes(text));
}
