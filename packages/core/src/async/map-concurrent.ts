import { throwIfAborted } from "./interrupted.ts";

/** Options of both functions. */
export interface ConcurrentOptions {
  /** Most calls at once, from 1. */
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

/** Work on one item. `signal` is aborted when the result is no longer wanted, also because another call failed. */
export type Work<T, R> = (item: T, signal: AbortSignal) => Promise<R>;

type Source<T> = Iterable<T> | AsyncIterable<T>;

type Settled<R> =
  { readonly ok: true; readonly value: R } | { readonly ok: false; readonly error: unknown };

/**
 * The results in the order of the items, with at most `concurrency` calls running or waiting to be taken: who takes
 * no results holds the work up, and the source is not read ahead.
 *
 * The first failure, in the order of the items, is thrown after all running calls have ended; so does leaving the loop
 * early. An aborted signal throws `interrupted`.
 */
export async function* mapConcurrent<T, R>(
  source: Source<T>,
  work: Work<T, R>,
  options: ConcurrentOptions,
): AsyncGenerator<R, void, undefined> {
  checkConcurrency(options.concurrency);
  const stop = new AbortController();
  const signal = anySignal(stop, options.signal);
  const running: Promise<Settled<R>>[] = [];
  try {
    for await (const item of source) {
      throwIfAborted(options.signal);
      running.push(settle(work(item, signal)));
      if (running.length >= options.concurrency) yield await takeFirst(running);
    }
    while (running.length > 0) {
      throwIfAborted(options.signal);
      yield await takeFirst(running);
    }
    throwIfAborted(options.signal);
  } finally {
    stop.abort();
    await Promise.all(running);
  }
}

/**
 * Work on every item, at most `concurrency` at once, in no order of completion.
 *
 * The first failure stops the rest: no further item is taken, the running calls are told by their signal, and it is
 * thrown when they have ended. An aborted signal throws `interrupted`.
 */
export async function forEachConcurrent<T>(
  source: Source<T>,
  work: Work<T, void>,
  options: ConcurrentOptions,
): Promise<void> {
  checkConcurrency(options.concurrency);
  const stop = new AbortController();
  const signal = anySignal(stop, options.signal);
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const start = async (item: T): Promise<void> => {
    try {
      await work(item, signal);
    } catch (error) {
      failures.push(error);
      stop.abort();
    }
  };
  try {
    for await (const item of source) {
      if (signal.aborted) break;
      const call: Promise<void> = start(item).finally(() => running.delete(call));
      running.add(call);
      if (running.size >= options.concurrency) await Promise.race(running);
      if (signal.aborted) break;
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
  throwIfAborted(options.signal);
}

function checkConcurrency(concurrency: number): void {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`Cannot work on ${concurrency} items at once: at least 1 is needed`);
  }
}

function anySignal(stop: AbortController, signal: AbortSignal | undefined): AbortSignal {
  return signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
}

/** Never rejects, so that a failure that nobody waits for yet is not reported as unhandled. */
async function settle<R>(call: Promise<R>): Promise<Settled<R>> {
  try {
    return { ok: true, value: await call };
  } catch (error) {
    return { ok: false, error };
  }
}

async function takeFirst<R>(running: Promise<Settled<R>>[]): Promise<R> {
  const result = await running.shift();
  if (result === undefined) throw new Error("No call is running");
  if (!result.ok) throw result.error;
  return result.value;
}
