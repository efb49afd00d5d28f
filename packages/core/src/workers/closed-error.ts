import { TsbakError } from "../errors.ts";

/** What tasks are rejected with that were in hand when the threads were stopped. */
export function closedError(): TsbakError {
  return new TsbakError("interrupted", "Cannot go on: the worker threads were stopped");
}
