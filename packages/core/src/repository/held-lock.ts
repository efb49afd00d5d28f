import type { Clock } from "../async/clock.ts";
import type { CallOptions } from "../backend/backend.ts";
import { TsbakError } from "../errors.ts";
import { findConflicts } from "./lock-conflicts.ts";
import type { OwnLockFile } from "./own-lock-file.ts";
import { type LockKeeping } from "./own-lock-file.ts";

/** How long somebody who writes a lock waits before looking again, in milliseconds. */
export const SETTLE_MS = 200;
const REFRESH_MS = 5 * 60_000;
/** Without a refresh for this long others may soon take the lock for stale: 30 minutes less one and a half refreshes, as in restic. */
const REFRESH_LIMIT_MS = 22.5 * 60_000;
/** After a sleep of the machine it takes at most so long until the age of the lock is noticed. */
const TICK_MS = 5_000;

/** A lock that is held. */
export interface HeldLock {
  /** Of its files: usually one, and its successor while it is refreshed. */
  readonly names: readonly string[];
  /** Aborts when the lock was lost: the operation under it must stop. */
  readonly lost: AbortSignal;
  /** Resolves when the lock is certain; rejects with `locked` if somebody else was faster. */
  readonly settled: Promise<void>;
  /**
   * True if the lock could not be refreshed in time, as after a sleep of the machine: others may have removed it. Nothing may be
   * written before `confirm` has resolved; `Repository.backend` sees to that itself.
   */
  readonly isDoubtful: boolean;
  /**
   * Make sure that the lock is still held. The store is asked only if there is doubt.
   *
   * @throws {TsbakError} `locked` if it is not, or if the store does not say. Then it is lost.
   */
  confirm(): Promise<void>;
  readonly isReleased: boolean;
  /** Remove the lock. May be called more than once; all calls end when it is removed. */
  release(): Promise<void>;
}

/** A moment by both clocks. */
interface Moment {
  readonly wall: number;
  readonly steady: number;
}

/** See `HeldLock`. */
export class RefreshedLock implements HeldLock {
  readonly settled: Promise<void>;
  readonly #keeping: LockKeeping;
  readonly #file: OwnLockFile;
  readonly #lost = new AbortController();
  /** Aborts when the lock is released: what is under way for it may end. */
  readonly #ending = new AbortController();
  readonly #stopTicking: () => void;
  #name: string;
  #refreshedAt: Moment;
  #refreshing: Promise<void> | undefined;
  #confirming: Promise<void> | undefined;
  #releasing: Promise<void> | undefined;

  /** `name` is that of the lock file, which was written after `writtenAt`. */
  constructor(
    keeping: LockKeeping,
    file: OwnLockFile,
    written: { readonly name: string; readonly at: Moment; readonly settled: Promise<void> },
  ) {
    this.#keeping = keeping;
    this.#file = file;
    this.#name = written.name;
    this.#refreshedAt = written.at;
    this.settled = written.settled;
    this.#stopTicking = keeping.clock.every(TICK_MS, () => this.#tick());
  }

  get names(): readonly string[] {
    return this.#file.names;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get isReleased(): boolean {
    return this.#ending.signal.aborted;
  }

  get isDoubtful(): boolean {
    if (this.isReleased) return false;
    return this.#lost.signal.aborted || this.#age() >= REFRESH_LIMIT_MS;
  }

  async confirm(): Promise<void> {
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
    if (!this.isDoubtful) return;
    this.#confirming ??= this.#confirm().finally(() => (this.#confirming = undefined));
    await this.#confirming;
  }

  release(): Promise<void> {
    this.#releasing ??= this.#release();
    return this.#releasing;
  }

  async #release(): Promise<void> {
    this.#ending.abort();
    this.#stopTicking();
    await Promise.allSettled([this.settled, this.#refreshing, this.#confirming]);
    await this.#file.removeBut(undefined);
  }

  /** By whichever clock more time has passed: the steady one does not see a sleep, the other one may be set back. */
  #age(): number {
    const { wall, steady } = momentOf(this.#keeping.clock);
    return Math.max(wall - this.#refreshedAt.wall, steady - this.#refreshedAt.steady);
  }

  #tick(): void {
    if (this.#lost.signal.aborted) return;
    if (this.isDoubtful) this.confirm().catch(() => undefined);
    else if (this.#age() >= REFRESH_MS) this.#startRefresh();
  }

  #startRefresh(): void {
    // A failure is tried again at the next tick, until the limit.
    this.#refreshing ??= this.#refresh()
      .catch(() => undefined)
      .finally(() => (this.#refreshing = undefined));
  }

  async #refresh(): Promise<void> {
    const options = { signal: this.#ending.signal };
    const at = momentOf(this.#keeping.clock);
    const name = await this.#file.write(options);
    // In doubt it is for `confirm` to say whether the lock that this one replaces was there until now.
    if (this.isDoubtful) return this.#file.remove(name, options);
    this.#adopt(name, at);
    await this.#file.removeBut(name, options);
  }

  #adopt(name: string, at: Moment): void {
    this.#name = name;
    this.#refreshedAt = at;
  }

  async #confirm(): Promise<void> {
    await this.#refreshing;
    if (!this.isDoubtful) return;
    try {
      await this.#renew();
    } catch (error) {
      this.#stopTicking();
      this.#lost.abort(lostError(error));
      throw this.#lost.signal.reason;
    }
  }

  /**
   * A lock that still stands kept all others away, however old it is. It must have stood until its successor was certain: only
   * then nobody can have removed it and locked in between. As restic's refreshStaleLock.
   */
  async #renew(): Promise<void> {
    const options = { signal: this.#ending.signal };
    await this.#refuseIfRemoved(options);
    const at = momentOf(this.#keeping.clock);
    const name = await this.#file.write(options);
    try {
      await this.#keeping.clock.sleep(SETTLE_MS, options.signal);
      await this.#refuseIfRemoved(options);
    } catch (error) {
      await this.#file.remove(name).catch(() => undefined);
      throw error;
    }
    this.#adopt(name, at);
    await this.#file.removeBut(name, options).catch(() => undefined);
  }

  async #refuseIfRemoved(options: CallOptions): Promise<void> {
    const { context, exclusive, clock } = this.#keeping;
    const names: string[] = [];
    for await (const { name } of context.backend.list("lock", options)) names.push(name);
    if (!names.includes(this.#name)) {
      throw new TsbakError("locked", "another process removed it, as nobody had refreshed it");
    }
    const except = this.#file.names;
    const [conflict] = await findConflicts(context, exclusive, { ...options, clock, except });
    if (conflict === undefined) return;
    throw new TsbakError("locked", `lock ${conflict.name.slice(0, 8)} of another process is there`);
  }
}

/** Now. */
export function momentOf(clock: Clock): Moment {
  return { wall: clock.wall(), steady: clock.steady() };
}

function lostError(cause: unknown): TsbakError {
  const reason = cause instanceof TsbakError ? cause.message : String(cause);
  return new TsbakError(
    "locked",
    `Cannot go on: the lock could not be refreshed in time and is lost: ${reason}; run the command again`,
    { cause },
  );
}
