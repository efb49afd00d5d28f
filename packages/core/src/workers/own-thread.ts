import { setImmediate as turn } from "node:timers/promises";
import { closedError } from "./closed-error.ts";
import type { Prepare } from "./serve-tasks.ts";
import type { TaskPool } from "./task-pool.ts";

/**
 * Does what a worker thread does in the thread that it is made in, task by task: where there are cores for one thread only, another one costs
 * 15 to 25 MiB and the time in which it starts. Timers and signals have their turn between tasks, and whenever a task waits.
 */
export class OwnThread<Setup, Task, Result, Event = never> implements TaskPool<
  Task,
  Result,
  Event
> {
  readonly size = 1;
  readonly #prepare: Prepare<Setup, Task, Result, Event>;
  #handle: ReturnType<Prepare<Setup, Task, Result, Event>> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(prepare: Prepare<Setup, Task, Result, Event>) {
    this.#prepare = prepare;
  }

  begin(setup: unknown, onEvent: (event: Event) => void = () => undefined): this {
    this.#handle = this.#prepare(setup as Setup, onEvent);
    // Shows in the tasks, which all fail.
    this.#handle.catch(() => undefined);
    return this;
  }

  run(task: Task): Promise<Result> {
    const result = this.#last.then(() => this.#work(task));
    this.#last = result.catch(() => undefined);
    return result;
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  async close(): Promise<void> {
    this.fail(closedError());
    await this.#last;
  }

  /** @throws What `fail` was told: to be called between the steps of a long task. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #work(task: Task): Promise<Result> {
    await turn();
    this.throwIfFailed();
    const handle = await this.#handle;
    if (handle === undefined) throw new Error("OwnThread.run() assumes begin() before");
    const { result } = await handle(task);
    this.throwIfFailed();
    return result;
  }
}
