import { isMainThread, parentPort, workerData, type Transferable } from "node:worker_threads";
import { isTsbakError, TsbakError } from "../errors.ts";
import type { CarriedError, PoolMessage, WorkerMessage, WorkerStart } from "./worker-pool.ts";

/** The end of a task: what goes back, and which buffers move rather than being copied. */
export interface TaskResult<Result> {
  readonly result: Result;
  readonly transfer?: readonly ArrayBuffer[] | undefined;
}

/** Sends something to the pool while the task goes on. */
export type Emit<Event> = (event: Event, transfer?: readonly ArrayBuffer[]) => void;

/** Makes what handles tasks of what a pool was begun with. */
export type Prepare<Setup, Task, Result, Event = never> = (
  setup: Setup,
  emit: Emit<Event>,
) => Promise<(task: Task) => TaskResult<Result> | Promise<TaskResult<Result>>>;

/**
 * Serve the pool that started this thread. `prepare` is given the pool's setup and returns what handles tasks; they are handled
 * strictly one after another. An error of a task goes back to whoever gave the task; the thread goes on.
 */
export function serveTasks<Setup, Task, Result, Event = never>(
  prepare: Prepare<Setup, Task, Result, Event>,
): void {
  if (parentPort === null) throw new Error("serveTasks() assumes a worker thread");
  const port = parentPort;
  const send = (message: WorkerMessage, transfer: readonly Transferable[] = []): void =>
    port.postMessage(message, transfer);
  const emit: Emit<Event> = (event, transfer) => send({ kind: "event", event }, transfer);
  let ready: ReturnType<typeof prepare> | undefined;
  let last: Promise<void> = Promise.resolve();
  port.on("message", (message: PoolMessage) => {
    if (message.kind === "setup") {
      ready = prepare(message.setup as Setup, emit);
      // Shows in the tasks, which all fail.
      ready.catch(() => undefined);
      return;
    }
    if (message.kind === "end") {
      // Without the port nothing keeps the thread alive.
      void last.then(() => port.close());
      return;
    }
    const { number, task } = message;
    last = last.then(async () => {
      try {
        throwIfStopped();
        const handle = await ready;
        if (handle === undefined) throw new Error("serveTasks() assumes a setup before tasks");
        const { result, transfer } = await handle(task as Task);
        send({ kind: "result", number, result }, transfer);
      } catch (error) {
        send({ kind: "error", number, error: carry(error) });
      }
    });
  });
  send({ kind: "loaded" });
}

const stop = isMainThread ? undefined : new Int32Array((workerData as WorkerStart).stop);

/** True when the pool was interrupted or is closing: what nobody waits for any more need not be finished. */
function isStopped(): boolean {
  return stop !== undefined && Atomics.load(stop, 0) === 1;
}

/** @throws {TsbakError} `interrupted` if `isStopped`. Called between steps of long tasks. */
export function throwIfStopped(): void {
  if (isStopped()) throw new TsbakError("interrupted", "Cannot go on: the operation was stopped");
}

function carry(error: unknown): CarriedError {
  return {
    message: error instanceof Error ? error.message : String(error),
    code: isTsbakError(error) ? error.code : undefined,
  };
}
