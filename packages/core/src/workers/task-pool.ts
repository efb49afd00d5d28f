import type { Transferable } from "node:worker_threads";

/** What works on tasks: threads (`WorkerPool`), or the caller's own (`OwnThread`). */
export interface TaskPool<Task, Result, Event = never> {
  /** How many tasks it works on at once. */
  readonly size: number;
  /** Give it what it works with, once. Tasks wait for that. */
  begin(setup: unknown, onEvent?: (event: Event) => void): unknown;
  /** Run a task. What is in `transfer` may move to another thread. */
  run(task: Task, transfer?: readonly Transferable[]): Promise<Result>;
  /** Reject all tasks, those in hand and those to come, with this error. */
  fail(error: unknown): void;
  /** End; tasks in hand are rejected. Resolves when nothing is done any more. */
  close(): Promise<void>;
}
