import type { Clock } from "../async/clock.ts";
import { loadLock, type LockEntry } from "./lock-files.ts";
import type { LockSightings } from "./lock-sightings.ts";
import type { UnpackedContext } from "./unpacked.ts";

const MINUTE = 60_000;
/** A lock that nobody has refreshed for so long is abandoned: its holder, if there is one, has stopped 7.5 minutes before. */
const ABANDONED_MS = 30 * MINUTE;
const ABANDONED_BEFORE_EXCLUSIVE_MS = 40 * MINUTE;
/**
 * Of that, so much is watched in one go, however long the lock is known: whoever lives refreshes it in five minutes, be it that it slept
 * with this machine and has just woken up.
 */
const LEAST_MS = 6 * MINUTE;
/** More than that between two looks is not counted: this process, and maybe the machine, stood still. */
const LONGEST_GAP_MS = 2 * MINUTE;

/** What happens to the locks of others. */
export type LockNotice =
  /** Somebody's lock is in the way; if nobody refreshes it, it is removed in so many milliseconds. */
  | { readonly kind: "watching"; readonly entry: LockEntry; readonly leftMs: number }
  /** A lock was removed that nobody had refreshed for so many milliseconds. */
  | { readonly kind: "abandoned"; readonly entry: LockEntry; readonly seenMs: number }
  /** A lock was removed that a process of this machine had left when it ended. */
  | { readonly kind: "left-behind"; readonly entry: LockEntry };

/** What watching takes. */
export interface LockWatchParts {
  readonly context: UnpackedContext;
  readonly clock: Clock;
  readonly sightings: LockSightings;
  readonly onNotice?: ((notice: LockNotice) => void) | undefined;
}

interface Watched {
  /** How long it was known when the watch began. */
  readonly knownMs: number;
  watchedMs: number;
}

/** Watches locks that are in the way, and removes those that nobody refreshes. Their own times do not matter: clocks may be wrong. */
export class LockWatch {
  readonly #parts: LockWatchParts;
  readonly #limitMs: number;
  #watched = new Map<string, Watched>();
  #suspects: ReadonlySet<string> | undefined;
  #lookedAt: number;

  constructor(parts: LockWatchParts, exclusive: boolean) {
    this.#parts = parts;
    this.#limitMs = exclusive ? ABANDONED_BEFORE_EXCLUSIVE_MS : ABANDONED_MS;
    this.#lookedAt = parts.clock.steady();
  }

  /**
   * Look at the locks that are in the way now. Returns for how many milliseconds it may be worth to wait: 0 if one was removed.
   * Undefined if all of them came after the first look: their holders are alive.
   */
  async look(conflicts: readonly LockEntry[], signal?: AbortSignal): Promise<number | undefined> {
    this.#note(conflicts);
    let wait: number | undefined;
    for (const entry of conflicts) {
      const left = this.#leftMs(entry.name);
      if (left === 0) await this.#remove(entry, signal);
      if (this.#suspects?.has(entry.name)) wait = Math.min(wait ?? left, left);
    }
    return wait;
  }

  #note(conflicts: readonly LockEntry[]): void {
    const { clock, sightings, onNotice } = this.#parts;
    const names = conflicts.map(({ name }) => name);
    const now = clock.steady();
    const gap = Math.min(now - this.#lookedAt, LONGEST_GAP_MS);
    this.#lookedAt = now;
    const ages = sightings.note(names);
    const before = this.#watched;
    this.#watched = new Map(
      names.map((name) => {
        const known = before.get(name);
        if (known === undefined) return [name, { knownMs: ages.get(name) ?? 0, watchedMs: 0 }];
        return [name, { ...known, watchedMs: known.watchedMs + gap }];
      }),
    );
    if (this.#suspects !== undefined) return;
    this.#suspects = new Set(names);
    for (const entry of conflicts) {
      onNotice?.({ kind: "watching", entry, leftMs: this.#leftMs(entry.name) });
    }
  }

  #leftMs(name: string): number {
    const { knownMs, watchedMs } = this.#watched.get(name) as Watched;
    return Math.max(0, this.#limitMs - knownMs - watchedMs, LEAST_MS - watchedMs);
  }

  /** Listings may be late, so the file itself is asked for once more. */
  async #remove({ name }: LockEntry, signal: AbortSignal | undefined): Promise<void> {
    const { context, onNotice } = this.#parts;
    const { knownMs, watchedMs } = this.#watched.get(name) as Watched;
    const entry = await loadLock(context, name, { signal, patience: false });
    if (entry === undefined) return;
    await context.backend.remove({ kind: "lock", name }, { signal });
    onNotice?.({ kind: "abandoned", entry, seenMs: knownMs + watchedMs });
  }
}
