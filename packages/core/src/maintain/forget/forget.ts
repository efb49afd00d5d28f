import { forEachConcurrent } from "../../async/map-concurrent.ts";
import { REMOVED_AT_ONCE, type CallOptions } from "../../backend/backend.ts";
import { removeFiles } from "../../backend/remove-files.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { copyToTrashIfAny } from "../../repository/trash.ts";

/** A week: who notices by Monday what went wrong at the weekend can still bring it back. */
export const DEFAULT_GRACE_MS: number = 7 * 86_400_000;

/** How to forget. */
export interface ForgetOptions extends CallOptions {
  /** How long forgotten snapshots can be brought back, in milliseconds; 0 for not at all. `DEFAULT_GRACE_MS` unless given. */
  readonly graceMs?: number | undefined;
  /** Called after each snapshot; with an error if it is still there. */
  readonly onSnapshot?: ((id: string, error?: TsbakError) => void) | undefined;
}

/** What became of the snapshots. */
export interface ForgetResult {
  readonly removed: readonly string[];
  readonly failed: readonly string[];
  /** `unsupported`: the store takes no such files, so that what is removed is gone. */
  readonly trash: "kept" | "off" | "unsupported";
}

/** So many are copied before they are removed together: what the store removes with one request, so that a run that is killed was not idle. */
const BATCH = REMOVED_AT_ONCE;

/**
 * Remove snapshots by their full ids, under an exclusive lock that the caller holds. Their data stays until prune. Each is copied to the
 * trash before it is removed, so that a run that is killed at any instant loses none. One that cannot be removed is reported and does
 * not stop the others.
 *
 * @throws {TsbakError} `unavailable` if the store fails while files are removed together; `interrupted`.
 */
export async function forgetSnapshots(
  repository: Repository,
  ids: Iterable<string>,
  options: ForgetOptions = {},
): Promise<ForgetResult> {
  const run = new ForgetRun(repository, options);
  const all = [...new Set(ids)];
  for (let at = 0; at < all.length; at += BATCH) await run.forget(all.slice(at, at + BATCH));
  return run;
}

class ForgetRun implements ForgetResult {
  readonly removed: string[] = [];
  readonly failed: string[] = [];
  trash: ForgetResult["trash"];
  readonly #repository: Repository;
  readonly #options: ForgetOptions;
  readonly #graceMs: number;

  constructor(repository: Repository, options: ForgetOptions) {
    this.#repository = repository;
    this.#options = options;
    this.#graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
    this.trash = this.#graceMs > 0 ? "kept" : "off";
  }

  /** First the copies of all, then away with those that have one. */
  async forget(ids: readonly string[]): Promise<void> {
    const copied = new Set(ids);
    const copy = async (id: string): Promise<void> => {
      if (!(await this.#copy(id))) copied.delete(id);
    };
    const { backend } = this.#repository;
    const { signal } = this.#options;
    if (this.trash === "kept") {
      await forEachConcurrent(ids, copy, { concurrency: backend.connections, signal });
    }
    const refs = [...copied].map((name) => ({ kind: "snapshot", name }) as const);
    const failures = await removeFiles(backend, refs, { signal });
    for (const { ref, error } of failures) {
      copied.delete(ref.name);
      this.#fail(ref.name, error);
    }
    for (const id of copied) {
      this.removed.push(id);
      this.#options.onSnapshot?.(id);
    }
  }

  /** False if the snapshot has to stay. */
  async #copy(id: string): Promise<boolean> {
    const { signal } = this.#options;
    try {
      if (this.trash !== "kept") return true;
      const isKept = await copyToTrashIfAny(this.#repository, id, this.#graceMs, { signal });
      if (!isKept) this.trash = "unsupported";
      return true;
    } catch (error) {
      if (!isTsbakError(error) || error.code === "interrupted") throw error;
      this.#fail(id, error);
      return false;
    }
  }

  #fail(id: string, error: TsbakError): void {
    this.failed.push(id);
    this.#options.onSnapshot?.(id, error);
  }
}
