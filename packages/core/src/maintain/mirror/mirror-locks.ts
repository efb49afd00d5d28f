import { anySignal } from "../../async/any-signal.ts";
import type { Backend, CallOptions } from "../../backend/backend.ts";
import { TsbakError } from "../../errors.ts";
import { listLocks } from "../../repository/lock-files.ts";
import type { HeldLock, LockWaiting } from "../../repository/locks.ts";
import { Repository, type RepositoryParts } from "../../repository/repository.ts";
import { confirmLocks } from "../../repository/under-locks.ts";

/** What is said about locking. */
interface LockWish extends CallOptions {
  readonly dryRun?: boolean | undefined;
  readonly lock?: LockWaiting | undefined;
}

/** The locks of one run: of the source a shared one; of the target a shared one, or an exclusive one while files are deleted. */
export class MirrorLocks {
  readonly #source: Repository;
  readonly #target: Repository;
  readonly #options: LockWish;
  readonly #stop = new AbortController();
  /** Aborts when the run is no longer wanted, or one of the locks was lost. */
  readonly signal: AbortSignal;
  #ofSource: HeldLock | undefined;
  #ofTarget: HeldLock | undefined;

  constructor(source: Repository, target: Backend, options: LockWish) {
    this.#source = source;
    this.#target = new Repository({ ...partsOf(source), backend: target });
    this.#options = options;
    this.signal = anySignal(options.signal, this.#stop.signal);
  }

  async lockSource(): Promise<void> {
    this.#ofSource = await this.#take(this.#source, false);
  }

  /**
   * Lock the target against whoever deletes. A prune of ours removes packs in the end while it holds a shared lock only, and some that are listed
   * may be gone a moment later; so nobody else may be there. Readers may come afterwards. Nothing in a dry run.
   *
   * @throws {TsbakError} `locked` if somebody is there.
   */
  async lockTarget(): Promise<void> {
    if (this.#options.dryRun === true) return;
    // Waits until nobody is there, if that is wished.
    await (await this.#take(this.#target, true)).release();
    this.#ofTarget = await this.#take(this.#target, false);
    const locks = await listLocks(this.#target, { signal: this.signal });
    if (locks.length <= 1) return;
    throw new TsbakError(
      "locked",
      `Cannot mirror to ${this.#target.backend.location}: somebody began to work there in the same moment; run it again`,
    );
  }

  /** Keep everybody out of the target, in the place of the lock that is held. Nothing in a dry run. */
  async excludeFromTarget(): Promise<void> {
    if (this.#options.dryRun === true) return;
    await this.#ofTarget?.release();
    this.#ofTarget = await this.#take(this.#target, true);
  }

  /** The target as a repository, with the keys of the source. */
  get repository(): Repository {
    return this.#target;
  }

  /** The target, where nothing is written or removed while a lock of it is in doubt. */
  get target(): Backend {
    return this.#target.backend;
  }

  /** Make sure that both are held to the end. */
  confirm(): Promise<void> {
    return confirmLocks([this.#ofSource, this.#ofTarget]);
  }

  async release(): Promise<void> {
    await Promise.all([this.#ofTarget?.release(), this.#ofSource?.release()]);
  }

  /** Why a lock was lost, if that is what ended the run; else the error itself. */
  lossOr(error: unknown): unknown {
    const { aborted, reason } = this.#stop.signal;
    return aborted && reason instanceof Error ? reason : error;
  }

  async #take(repository: Repository, exclusive: boolean): Promise<HeldLock> {
    const held = await repository.lock({ exclusive, ...this.#options.lock, signal: this.signal });
    held.lost.addEventListener("abort", () => this.#stop.abort(held.lost.reason));
    return held;
  }
}

/** The same repository, whose local state says which locks are ours in all of its places. */
function partsOf(source: Repository): Omit<RepositoryParts, "backend"> {
  const { config, masterKey, keyId, zstd, state, locking } = source;
  return { config, masterKey, keyId, zstd, state, locking };
}
