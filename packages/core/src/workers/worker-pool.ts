import { Worker, type Transferable } from "node:worker_threads";
import { TsbakError, type ErrorCode } from "../errors.ts";

/** What travels to a worker. */
export interface TaskMessage {
  readonly number: number;
  readonly task: unknown;
}

/** What travels back: an event of a running task, or its end. */
export type WorkerMessage =
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
}

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
export class WorkerPool<Task, Result, Event = never> {
  readonly #seats: Seat[] = [];
  readonly #queue: Job[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #onEvent: (event: Event) => void;
  #nextNumber = 0;
  #failure: unknown;

  /** `module` calls `serveTasks`; `setup` is cloned to each thread; `size` threads are started at once. */
  constructor(
    module: URL,
    setup: unknown,
    size: number,
    onEvent: (event: Event) => void = () => undefined,
  ) {
    this.#onEvent = onEvent;
    for (let i = 0; i < size; i++) this.#seats.push(this.#start(module, setup));
  }

  get size(): number {
    return this.#seats.length;
  }

  /** Run a task on the first thread that is free. What is in `transfer` moves to that thread. */
  run(task: Task, transfer: readonly Transferable[] = []): Promise<Result> {
    return this.#enqueue(task, transfer, false);
  }

  /** The same, ahead of all tasks that wait. */
  runFirst(task: Task, transfer: readonly Transferable[] = []): Promise<Result> {
    return this.#enqueue(task, transfer, true);
  }

  /** Run a task on every thread, after what each has in hand. */
  runOnAll(task: Task): Promise<Result[]> {
    return Promise.all(
      this.#seats.map(
        (seat) =>
          new Promise<Result>((resolve, reject) => {
            this.#post(seat, { task, transfer: [], resolve: resolve as Job["resolve"], reject });
          }),
      ),
    );
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

  /** Stop all threads; tasks in hand are rejected. */
  async close(): Promise<void> {
    this.#fail(new TsbakError("interrupted", "Cannot go on: the worker threads were stopped"));
    await Promise.all(this.#seats.map((seat) => seat.worker.terminate()));
  }

  #start(module: URL, setup: unknown): Seat {
    const worker = new Worker(module, { workerData: setup, resourceLimits: LIMITS });
    const seat: Seat = { worker, jobs: new Map() };
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
    const message: TaskMessage = { number, task: job.task };
    seat.worker.postMessage(message, job.transfer);
  }

  #receive(seat: Seat, message: WorkerMessage): void {
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

function revive(error: CarriedError): Error {
  return error.code === undefined
    ? new Error(error.message)
    : new TsbakError(error.code, error.message);
}
