/**
 * Make the index true to the packs that are there (restic format, section 15).
 *
 *   (1) The new index is durable before an old file goes, so the repair can be killed between any two writes.
 *   (2) Packs are not touched.
 *   (3) What an old index says of a pack whose header cannot be read stays, as far as the file goes: without it nobody
 *       could find the blobs that `repair packs` may still save.
 *   (4) Only damage is taken for loss. What cannot be read for another reason ends the repair before anything is changed.
 *
 * @module
 */
import type { CallOptions } from "../../backend/backend.ts";
import type { Repository } from "../../repository/repository.ts";
import { withExclusiveLock, type ExclusiveOptions } from "./exclusive-lock.ts";
import { planIndex, type IndexPlanOptions, type RepairIndexEvent } from "./index-plan.ts";
import { rewriteIndex } from "./rewrite-index.ts";

/** How to repair an index. */
export interface RepairIndexOptions extends ExclusiveOptions, IndexPlanOptions {}

/** What repairing an index came to. All are names of files. */
export interface RepairIndexSummary {
  readonly packsAdded: readonly string[];
  /** Dropped from the index, as they are not there. */
  readonly packsMissing: readonly string[];
  /** Listed anew, as the index did not fit them. */
  readonly packsReread: readonly string[];
  /** In the index, but with a header that cannot be read: to be given to `repair packs`. */
  readonly packsDamaged: readonly string[];
  /** In no index, and not readable as packs: left alone. */
  readonly packsUnknown: readonly string[];
  readonly indexesDamaged: readonly string[];
  /** Number of index files that were replaced; with none, nothing was changed unless packs were added. */
  readonly indexesRemoved: number;
}

/**
 * Repair the index under an exclusive lock. See the module comment.
 *
 * @throws {TsbakError} `locked` if another process works on the repository; `unavailable`, `denied` or `interrupted`.
 */
export function repairIndex(
  repository: Repository,
  options: RepairIndexOptions = {},
): Promise<RepairIndexSummary> {
  return withExclusiveLock(repository, options, (call) => rebuildIndex(repository, options, call));
}

/** The same for whoever has the lock. */
export async function rebuildIndex(
  repository: Repository,
  options: IndexPlanOptions,
  call: CallOptions,
): Promise<RepairIndexSummary> {
  const notes = new Notes();
  const onEvent = (event: RepairIndexEvent): void => {
    notes.take(event);
    options.onEvent?.(event);
  };
  const plan = await planIndex(repository, { ...options, onEvent }, call);
  await rewriteIndex(repository, plan, call, (phase, done, total) =>
    options.onEvent?.({ kind: "progress", phase, done, total }),
  );
  return notes.summary(plan.obsolete.length);
}

/** Gathers the events into a summary. */
class Notes {
  readonly #names = new Map<RepairIndexEvent["kind"] | "pack-unknown", string[]>();

  take(event: RepairIndexEvent): void {
    if (event.kind === "progress") return;
    const isUnknown = event.kind === "pack-unreadable" && !event.isListed;
    this.#of(isUnknown ? "pack-unknown" : event.kind).push(event.name);
  }

  summary(indexesRemoved: number): RepairIndexSummary {
    return {
      packsAdded: this.#of("pack-added"),
      packsMissing: this.#of("pack-missing"),
      packsReread: this.#of("pack-reread"),
      packsDamaged: this.#of("pack-unreadable"),
      packsUnknown: this.#of("pack-unknown"),
      indexesDamaged: this.#of("index-damaged"),
      indexesRemoved,
    };
  }

  #of(kind: RepairIndexEvent["kind"] | "pack-unknown"): string[] {
    const known = this.#names.get(kind) ?? [];
    this.#names.set(kind, known);
    return known;
  }
}
