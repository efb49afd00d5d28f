import { TsbakError } from "../errors.ts";
import type { Backend, OnBytes } from "./backend.ts";
import { describeFiles } from "./layout.ts";
import { wrapCalls, type BackendCall } from "./wrap-calls.ts";

/** When a call counts as stuck. */
export interface WatchdogOptions {
  /** Longest time without a sign of life. 5 minutes unless given. */
  readonly stuckMs?: number | undefined;
  /** Start a timer, and give what stops it; the system's unless given. */
  readonly startTimer?: StartTimer | undefined;
}

type StartTimer = (milliseconds: number, ring: () => void) => () => void;

/** A store that does not report its progress may be as slow as this, in bytes a millisecond, before it counts as stuck. */
const SLOWEST = 32;
/** What a call is taken for whose size is not known before, in bytes. */
const USUAL_SIZE = 1 << 24;

/**
 * The same store, where a call that makes no progress for too long is aborted by its signal and ends as `unavailable`. Progress is a
 * piece of the contents that is reported by `onBytes`, or the next file of a listing; time in which a piece is held back by the caller does not count.
 * A store that is not known to report pieces gets time by the size of the call as well.
 *
 * The call ends when the store has ended it, which it does soon after its signal is aborted: until then memory that was lent to it is in use.
 */
export function withWatchdog(backend: Backend, options: WatchdogOptions = {}): Backend {
  const { stuckMs = 300_000, startTimer = startSystemTimer } = options;
  let isReporting = backend.reportsPieces === true;
  return wrapCalls(backend, (call, callOptions) => {
    const signal = callOptions?.signal;
    const watch = new Watch(stuckMs, startTimer, signal);
    const onBytes: OnBytes = (count) => {
      // A whole file may be one piece only because the store reports none.
      if (count < (call.size ?? 0)) isReporting = true;
      return watch.kick(callOptions?.onBytes?.(count));
    };
    return {
      options: { ...callOptions, onBytes, signal: watch.signal },
      run: async (work) => {
        watch.start(isReporting ? 0 : transferMs(call));
        try {
          return await work();
        } catch (error) {
          throw watch.isStuck ? stuckError(backend, call, stuckMs, error) : error;
        } finally {
          watch.stop();
        }
      },
    };
  });
}

/** How long the contents may take where nobody says how far they are. */
function transferMs({ method, size = USUAL_SIZE }: BackendCall): number {
  return method === "read" || method === "write" ? size / SLOWEST : 0;
}

function stuckError(
  { location }: Backend,
  { method, ref, files = 1 }: BackendCall,
  stuckMs: number,
  cause: unknown,
): TsbakError {
  const object = method === "list" ? `${ref?.kind} files` : ref && describeFiles(ref, files);
  return new TsbakError(
    "unavailable",
    `Cannot ${method} ${object ?? "the repository"} in ${location}: nothing moved for ${Math.round(stuckMs / 1000)} s`,
    { cause },
  );
}

/** Watches one call, and passes the caller's signal on. */
class Watch {
  readonly #stuckMs: number;
  readonly #startTimer: StartTimer;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #forward = (): void => this.#controller.abort(this.#callerSignal?.reason);
  #stopTimer: (() => void) | undefined;
  #isRunning = false;
  #paused = 0;

  constructor(stuckMs: number, startTimer: StartTimer, callerSignal: AbortSignal | undefined) {
    this.#stuckMs = stuckMs;
    this.#startTimer = startTimer;
    this.#callerSignal = callerSignal;
  }

  /** Aborted when the call is stuck, or by the caller. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isStuck(): boolean {
    return this.signal.aborted && this.#callerSignal?.aborted !== true;
  }

  /** For a first sign of life there may be more time. */
  start(allowanceMs: number): void {
    this.#isRunning = true;
    if (this.#callerSignal?.aborted) this.#forward();
    this.#callerSignal?.addEventListener("abort", this.#forward);
    this.#restart(allowanceMs);
  }

  stop(): void {
    this.#isRunning = false;
    this.#callerSignal?.removeEventListener("abort", this.#forward);
    this.#stopTimer?.();
  }

  /** There was progress; the time until `held` has ended does not count. */
  kick(held: Promise<void> | undefined): Promise<void> | undefined {
    if (held === undefined) {
      this.#restart();
      return undefined;
    }
    this.#paused++;
    this.#stopTimer?.();
    return held.finally(() => {
      this.#paused--;
      this.#restart();
    });
  }

  #restart(allowanceMs = 0): void {
    if (!this.#isRunning || this.#paused > 0) return;
    this.#stopTimer?.();
    this.#stopTimer = this.#startTimer(this.#stuckMs + allowanceMs, () =>
      this.#controller.abort(new Error("the call is stuck")),
    );
  }
}

function startSystemTimer(milliseconds: number, ring: () => void): () => void {
  const timer = setTimeout(ring, milliseconds);
  return () => clearTimeout(timer);
}
