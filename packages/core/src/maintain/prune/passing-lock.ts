import { isTsbakError } from "../../errors.ts";
import type { HeldLock } from "../../repository/locks.ts";
import type { Repository } from "../../repository/repository.ts";

/**
 * An exclusive lock that is exchanged for a shared one when it has been held for a while, or on demand, beside the work that goes on under it. The shared
 * one is certain before the exclusive one goes, so that there is no moment without a certain lock, and nobody has to wait for the exchange.
 */
export class PassingLock implements HeldLock {
  readonly settled: Promise<void>;
  readonly #repository: Repository;
  readonly #lost = new AbortController();
  /** Aborts when the lock is released. */
  readonly #ending = new AbortController();
  #lock: HeldLock;
  #passing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isBeaten = false;

  /** Takes over `exclusive`, which may not be certain yet. */
  constructor(repository: Repository, exclusive: HeldLock) {
    this.#repository = repository;
    this.#lock = exclusive;
    this.settled = exclusive.settled;
    this.#follow(exclusive);
    exclusive.settled.catch((error: unknown) => {
      this.#isBeaten = isTsbakError(error, "locked");
      this.#lost.abort(error);
    });
  }

  get names(): readonly string[] {
    return this.#lock.names;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get isDoubtful(): boolean {
    return this.#lock.isDoubtful;
  }

  get isReleased(): boolean {
    return this.#ending.signal.aborted;
  }

  /** True if somebody else was faster, so that the exclusive lock never was one. Known when `settled` is. */
  get isBeaten(): boolean {
    return this.#isBeaten;
  }

  /** Begin the exchange after so many milliseconds, instead of when that was said before. */
  passAfter(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.pass(), milliseconds).unref();
  }

  /** Begin the exchange. If it fails, the lock counts as lost. */
  pass(): void {
    clearTimeout(this.#timer);
    if (this.isReleased) return;
    this.#passing ??= this.#exchange().catch((error: unknown) => {
      if (!this.isReleased) this.#lost.abort(error);
    });
  }

  /** No exchange is begun any more unless that is said again. True if none was begun: the lock is still the exclusive one. */
  async keep(): Promise<boolean> {
    clearTimeout(this.#timer);
    await this.#passing;
    return this.#passing === undefined;
  }

  async confirm(): Promise<void> {
    if (this.lost.aborted) throw this.lost.reason;
    await this.#lock.confirm();
  }

  async release(): Promise<void> {
    clearTimeout(this.#timer);
    this.#ending.abort();
    await this.#passing;
    await this.#lock.release();
  }

  async #exchange(): Promise<void> {
    const exclusive = this.#lock;
    await exclusive.settled;
    const shared = await this.#repository.lock({
      exclusive: false,
      besides: exclusive,
      settleLater: true,
      signal: this.#ending.signal,
    });
    try {
      await shared.settled;
    } catch (error) {
      await shared.release();
      throw error;
    }
    this.#follow(shared);
    this.#lock = shared;
    await exclusive.release();
  }

  #follow({ lost }: HeldLock): void {
    lost.addEventListener("abort", () => this.#lost.abort(lost.reason), { once: true });
  }
}
