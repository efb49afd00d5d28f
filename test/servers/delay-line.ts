import type { Socket } from "node:net";

/** More than this is not held: what 50 ms of a line with 10 Gbit/s hold. */
const MOST_HELD = 64 << 20;
/** More than this is not given to a socket that has not passed on what it got. */
const MOST_GIVEN = 4 << 20;

/** How a line begins and ends. */
export interface DelayLineOptions {
  /** Nothing is carried before: the moment, by `performance.now()`, when a connection has been made. */
  readonly readyAt?: number;
  /** Given each piece when `to` does not need it any more. */
  readonly onPassed?: (piece: Buffer) => void;
}

/**
 * Carries what `from` sends to `to`, each byte `delayMs` later, as a long line does: the bandwidth stays, since many pieces are on
 * their way at once. The end is carried as well.
 */
export class DelayLine {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delayMs: number;
  readonly #options: DelayLineOptions;
  readonly #queue: { readonly dueAt: number; readonly piece: Buffer | undefined }[] = [];
  #held = 0;
  #timer: NodeJS.Timeout | undefined;
  #isBlocked = false;

  constructor(from: Socket, to: Socket, delayMs: number, options: DelayLineOptions = {}) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
    this.#options = options;
    to.on("drain", () => {
      this.#isBlocked = false;
      this.#deliver();
    });
    to.on("close", () => clearTimeout(this.#timer));
  }

  /** Take in a piece; undefined is the end. */
  carry(piece: Buffer | undefined): void {
    const dueAt = Math.max(performance.now(), this.#options.readyAt ?? 0) + this.#delayMs;
    this.#queue.push({ dueAt, piece });
    this.#held += piece?.length ?? 0;
    if (this.#held > MOST_HELD) this.#from.pause();
    if (this.#timer === undefined) this.#deliver();
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // What is due together goes out together: the line shall cost its machine little.
    this.#to.cork();
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
      else this.#give(next.piece);
    }
    this.#to.uncork();
    if (this.#held <= MOST_HELD / 2) this.#from.resume();
  }

  #give(piece: Buffer): void {
    const hasRoom = this.#to.write(piece, () => this.#options.onPassed?.(piece));
    this.#isBlocked = !hasRoom && this.#to.writableLength >= MOST_GIVEN;
    this.#held -= piece.length;
  }
}
