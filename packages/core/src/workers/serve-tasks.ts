import { parentPort, workerData, type Transferable } from "node:worker_threads";
import { isTsbakError } from "../errors.ts";
import type { CarriedError, TaskMessage, WorkerMessage } from "./worker-pool.ts";

/** The end of a task: what goes back, and which buffers move rather than being copied. */
export interface TaskResult<Result> {
  readonly result: Result;
  readonly transfer?: readonly ArrayBuffer[] | undefined;
}

/** Sends something to the pool while the task goes on. */
export type Emit<Event> = (event: Event, transfer?: readonly ArrayBuffer[]) => void;

/**
 * Serve the pool that started this thread. `prepare` is given the pool's setup and returns what handles tasks; they are handled
 * strictly one after another. An error of a task goes back to whoever gave the task; the thread goes on.
 */
export function serveTasks<Setup, Task, Result, Event = never>(
  prepare: (
    setup: Setup,
    emit: Emit<Event>,
  ) => Promise<(task: Task) => TaskResult<Result> | Promise<TaskResult<Result>>>,
): void {
  if (parentPort === null) throw new Error("serveTasks() assumes a worker thread");
  const port = parentPort;
  const send = (message: WorkerMessage, transfer: readonly Transferable[] = []): void =>
    port.postMessage(message, transfer);
  const ready = prepare(workerData as Setup, (event, transfer) =>
    send({ kind: "event", event }, transfer),
  );
  let last: Promise<void> = Promise.resolve();
  port.on("message", ({ number, task }: TaskMessage) => {
    last = last.then(async () => {
      try {
        const handle = await ready;
        const { result, transfer } = await handle(task as Task);
        send({ kind: "result", number, result }, transfer);
      } catch (error) {
        send({ kind: "error", number, error: carry(error) });
      }
    });
  });
}

function carry(error: unknown): CarriedError {
  return {
    message: error instanceof Error ? error.message : String(error),
    code: isTsbakError(error) ? error.code : undefined,
  };
}
