import { availableParallelism } from "node:os";
import { Worker, type Transferable } from "node:worker_threads";
import { TsbakError, type ErrorCode } from "../errors.ts";
import { closedError } from "./closed-error.ts";
import type { TaskPool } from "./task-pool.ts";

/** What travels to a worker: first the setup, then tasks, then the end. */
export type PoolMessage =
  | { readonly kind: "setup"; readonly setup: unknown }
  | { readonly kind: "end" }
  | { readonly kind: "task"; readonly number: number; readonly task: unknown };

/** What a thread is started with: one word that is set when it is to stop. */
export interface WorkerStart {
  readonly stop: SharedArrayBuffer;
}

/** What travels back: that the thread has loaded its code, an event of a running task, or its end. */
export type WorkerMessage =
  | { readonly kind: "loaded" }
  | { readonly kind: "event"; readonly event: unknown }
  | { readonly kind: "result"; readonly number: number; readonly result: unknown }
  | { readonly kind: "error"; readonly number: number; readonly error: CarriedError };

/** An error on its way between threads, which keep messages and codes but not classes. */
export interface CarriedError {
  readonly message: string;
  readonly code: ErrorCode | undefined;
}

interface Job {
  readonly task: unknown;
  readonly transfer: readonly Transferable[];
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Seat {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  /** Resolves when the thread has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

/** Whoever has not ended by then never will. */
const PATIENCE_MS = 30_000;

/** A second task waits inside the worker, so that it need not ask before it goes on. */
const JOBS_PER_WORKER = 2;

/**
 * New objects are collected after a few megabytes: left to itself a thread takes up to 100 MiB for them, and what works on
 * blobs keeps few of them long enough for that to save time.
 */
const LIMITS = { maxYoungGenerationSizeMb: 8 };

/**
 * Threads that run one worker module and take tasks in order. A thread that dies fails all its tasks and the pool.
 */
export class WorkerPool<Task, Result, Event = never> implements TaskPool<Task, Result, Event> {
  /** Of threads. */
  readonly size: number;
  readonly #module: URL;
  readonly #seats: Seat[] = [];
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #queue: Job[] = [];
  readonly #waiting: (() => void)[] = [];
  #onEvent: (event: Event) => void = () => undefined;
  #hasBegun = false;
  #nextNumber = 0;
  /** Threads that have loaded their code. */
  #loaded = 0;
  #failure: unknown;

  /**
   * `module` calls `serveTasks`. The `size` threads load while the caller finds out what they are to work with: as many at once as
   * leave a core for the caller, and the next when one has loaded. Tasks wait for `begin`.
   */
  constructor(module: URL, size: number) {
    this.#module = module;
    this.size = size;
    this.#startNext();
  }

  /** Give every thread a clone of its setup, once. */
  begin(setup: unknown, onEvent?: (event: Event) => void): this {
    if (onEvent !== undefined) this.#onEvent = onEvent;
    const message: PoolMessage = { kind: "setup", setup };
    this.#startUpTo(this.size);
    for (const seat of this.#seats) seat.worker.postMessage(message);
    this.#hasBegun = true;
    this.#assign();
    return this;
  }

  /** Run a task on the first thread that is free. What is in `transfer` moves to that thread. */
  run(task: Task, transfer: readonly Transferable[] = []): Promise<Result> {
    return this.#enqueue(task, transfer, false);
  }

  /** The same, ahead of all tasks that wait. */
  runFirst(task: Task, transfer: readonly Transferable[] = []): Promise<Result> {
    return this.#enqueue(task, transfer, true);
  }

  /** Wait until fewer than `limit` tasks wait for a thread: how a producer keeps from running ahead. */
  async room(limit = 1): Promise<void> {
    while (this.#queue.length >= limit && this.#failure === undefined) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /** Reject all tasks, those in hand and those to come, with this error. */
  fail(error: unknown): void {
    this.#fail(error);
  }

  /**
   * Tell the threads to stop as soon as they can: tasks in hand end early and, like those that wait, reject as
   * `interrupted`. Unlike after `fail`, nothing is done for a task that has been rejected.
   */
  interrupt(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  /** Stop all threads; tasks in hand are rejected. Resolves when the threads have ended. */
  async close(): Promise<void> {
    this.#fail(closedError());
    this.interrupt();
    await Promise.all(this.#seats.map(endThread));
  }

  #startNext(): void {
    const most = Math.max(availableParallelism() - 1, 1);
    this.#startUpTo(Math.min(this.#loaded + most, this.size));
  }

  #startUpTo(count: number): void {
    if (this.#failure !== undefined) return;
    while (this.#seats.length < count) this.#seats.push(this.#start());
  }

  #start(): Seat {
    const workerData: WorkerStart = { stop: this.#stop.buffer };
    const worker = new Worker(this.#module, { workerData, resourceLimits: LIMITS });
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const seat: Seat = { worker, jobs: new Map(), ended };
    worker.on("message", (message: WorkerMessage) => this.#receive(seat, message));
    worker.on("error", (error) => this.#fail(error));
    return seat;
  }

  #enqueue(task: Task, transfer: readonly Transferable[], first: boolean): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure as Error);
        return;
      }
      const job: Job = { task, transfer, resolve: resolve as Job["resolve"], reject };
      if (first) this.#queue.unshift(job);
      else this.#queue.push(job);
      this.#assign();
    });
  }

  #assign(): void {
    if (!this.#hasBegun) return;
    for (let load = 0; load < JOBS_PER_WORKER; load++) {
      for (const seat of this.#seats) {
        if (seat.jobs.size > load) continue;
        const job = this.#queue.shift();
        if (job === undefined) break;
        this.#post(seat, job);
      }
    }
    if (this.#waiting.length > 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #post(seat: Seat, job: Job): void {
    const number = this.#nextNumber++;
    seat.jobs.set(number, job);
    const message: PoolMessage = { kind: "task", number, task: job.task };
    seat.worker.postMessage(message, job.transfer);
  }

  #receive(seat: Seat, message: WorkerMessage): void {
    if (message.kind === "loaded") {
      this.#loaded++;
      this.#startNext();
      return;
    }
    if (message.kind === "event") {
      this.#onEvent(message.event as Event);
      return;
    }
    const job = seat.jobs.get(message.number);
    seat.jobs.delete(message.number);
    this.#assign();
    if (message.kind === "result") job?.resolve(message.result);
    else job?.reject(revive(message.error));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    const jobs = [
      ...this.#queue.splice(0),
      ...this.#seats.flatMap((seat) => [...seat.jobs.values()]),
    ];
    for (const seat of this.#seats) seat.jobs.clear();
    for (const job of jobs) job.reject(this.#failure);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/**
 * Have a thread end by itself. It is not terminated: in the middle of a call of native code, or while it loads, that
 * could end the whole process.
 */
async function endThread({ worker, ended }: Seat): Promise<void> {
  const message: PoolMessage = { kind: "end" };
  worker.postMessage(message);
  const timer = setTimeout(() => void worker.terminate(), PATIENCE_MS);
  await ended;
  clearTimeout(timer);
}

function revive(error: CarriedError): Error {
  return error.code === undefined
    ? new Error(error.message)
    : new TsbakError(error.code, error.message);
}
