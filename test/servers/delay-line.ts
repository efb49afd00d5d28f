import type { Socket } from "node:net";

/** More than this is not held: what 50 ms of a line with 10 Gbit/s hold. */
const MOST_HELD = 64 << 20;

/**
 * Carries what `from` sends to `to`, each byte `delayMs` later, as a long line does: the bandwidth stays, since many pieces are on
 * their way at once. The end is carried as well.
 */
export class DelayLine {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delayMs: number;
  readonly #readyAt: number;
  readonly #queue: { readonly dueAt: number; readonly piece: Buffer | undefined }[] = [];
  #held = 0;
  #timer: NodeJS.Timeout | undefined;
  #isBlocked = false;

  /** @param readyAt Nothing is carried before: the moment, by `performance.now()`, when a connection has been made. */
  constructor(from: Socket, to: Socket, delayMs: number, readyAt = 0) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
    this.#readyAt = readyAt;
    to.on("drain", () => {
      this.#isBlocked = false;
      this.#deliver();
    });
    to.on("close", () => clearTimeout(this.#timer));
  }

  /** Take in a piece; undefined is the end. */
  carry(piece: Buffer | undefined): void {
    const dueAt = Math.max(performance.now(), this.#readyAt) + this.#delayMs;
    this.#queue.push({ dueAt, piece });
    this.#held += piece?.length ?? 0;
    if (this.#held > MOST_HELD) this.#from.pause();
    if (this.#timer === undefined) this.#deliver();
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (!this.#isBlocked && !this.#to.destroyed) {
      const [next] = this.#queue;
      if (next === undefined) break;
      const wait = next.dueAt - performance.now();
      if (wait > 0.5) {
        this.#timer = setTimeout(() => this.#deliver(), wait);
        break;
      }
      this.#queue.shift();
      if (next.piece === undefined) this.#to.end();
      else this.#isBlocked = !this.#to.write(next.piece);
      this.#held -= next.piece?.length ?? 0;
    }
    if (this.#held <= MOST_HELD / 2) this.#from.resume();
  }
}
