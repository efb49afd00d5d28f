import { throwIfAborted } from "../async/interrupted.ts";
import { sleep as wait } from "../async/sleep.ts";
import { equalBytes } from "../bytes/compare.ts";
import { isTsbakError } from "../errors.ts";
import type { TsbakError } from "../errors.ts";
import type { Backend, CallOptions, FileInfo, FileKind, FileRef } from "./backend.ts";
import { passedOn } from "./passed-on.ts";

/** When to try again, and when to give up; restic's habits unless given. */
export interface RetryOptions {
  /** Before the first repetition; doubled each time. 1000 unless given. */
  readonly firstDelayMs?: number | undefined;
  /** No wait is longer. 60,000 unless given. */
  readonly longestDelayMs?: number | undefined;
  /** No repetition starts later than this after the first failure, except that there is always one. 15 minutes unless given. */
  readonly giveUpAfterMs?: number | undefined;
  /** Told of every failure that will be repeated. */
  readonly onRetry?: ((error: TsbakError, delayMs: number) => void) | undefined;
  readonly sleep?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: (() => number) | undefined;
  /** From 0 up to 1: spreads the delays by half either way, so that many clients do not come back at once. */
  readonly random?: (() => number) | undefined;
}

/**
 * The same store, where a call that ends as `unavailable` is repeated with growing delays. Every other failure is
 * final: a repetition does not help against it.
 *
 * A write whose confirmation was lost finds its own file on the repetition; that is success if the file has the right
 * size (its name is the hash of its bytes; a config is read and compared).
 */
export function withRetry(backend: Backend, options: RetryOptions = {}): Backend {
  const retry = new Retry(options);
  return {
    location: backend.location,
    connections: backend.connections,
    create: (call) => retry.run(call, () => backend.create(call)),
    write: (ref, bytes, call) =>
      retry.run(call, async (attempt) => {
        try {
          await backend.write(ref, bytes, call);
        } catch (error) {
          if (attempt === 1 || !isTsbakError(error, "already-exists")) throw error;
          if (!(await isOurs(backend, ref, bytes, call))) throw error;
        }
      }),
    read: (ref, range, call) => retry.run(call, () => backend.read(ref, range, call)),
    ...passedOn(backend),
    stat: (ref, call) => retry.run(call, () => backend.stat(ref, call)),
    list: (kind, call) => listAgain(backend, retry, kind, call),
    remove: (ref, call) => retry.run(call, () => backend.remove(ref, call)),
  };
}

async function isOurs(
  backend: Backend,
  ref: FileRef,
  bytes: Uint8Array,
  options: CallOptions | undefined,
): Promise<boolean> {
  const { size } = await backend.stat(ref, options);
  if (size !== bytes.length) return false;
  return ref.kind !== "config" || equalBytes(await backend.read(ref, undefined, options), bytes);
}

/** A listing that breaks off starts anew, and leaves out what it gave already. */
async function* listAgain(
  backend: Backend,
  retry: Retry,
  kind: FileKind,
  options: CallOptions | undefined,
): AsyncIterable<FileInfo> {
  const given = new Set<string>();
  const failures = retry.begin(options);
  for (;;) {
    try {
      for await (const file of backend.list(kind, options)) {
        if (given.has(file.name)) continue;
        given.add(file.name);
        yield file;
      }
      return;
    } catch (error) {
      await failures.wait(error);
    }
  }
}

/** Thrown into a loop by its consumer, errors of other kinds pass `wait` as they are. */
interface Failures {
  /** Wait before the next attempt, or throw the error if there is to be none. */
  wait(error: unknown): Promise<void>;
}

class Retry {
  readonly #options: RetryOptions;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  async run<T>(
    options: CallOptions | undefined,
    call: (attempt: number) => Promise<T>,
  ): Promise<T> {
    const failures = this.begin(options);
    for (let attempt = 1; ; attempt++) {
      try {
        return await call(attempt);
      } catch (error) {
        await failures.wait(error);
      }
    }
  }

  begin(call: CallOptions | undefined): Failures {
    const { firstDelayMs = 1000, longestDelayMs = 60_000, giveUpAfterMs = 900_000 } = this.#options;
    const { sleep = wait, now = () => performance.now(), random = Math.random } = this.#options;
    let delay = firstDelayMs;
    let deadline: number | undefined;
    return {
      wait: async (error) => {
        if (!isTsbakError(error, "unavailable")) throw error;
        throwIfAborted(call?.signal);
        const isFirst = deadline === undefined;
        deadline ??= now() + giveUpAfterMs;
        const spread = delay * (0.5 + random());
        if (!isFirst && now() + spread > deadline) throw error;
        this.#options.onRetry?.(error, spread);
        await sleep(spread, call?.signal);
        delay = Math.min(delay * 2, longestDelayMs);
      },
    };
  }
}
