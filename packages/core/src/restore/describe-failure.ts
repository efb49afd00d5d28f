import { isTsbakError, TsbakError } from "../errors.ts";
import { describeSystemError, isSystemError } from "../fs/system-error.ts";

/** Errors of a disk that takes nothing more: they are of no single entry. */
const FULL = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Why an entry could not be written, in a few words.
 *
 * @throws {TsbakError} `no-space` if nothing else could be written either. Any fault of ours is thrown on.
 */
export function describeFailure(error: unknown): string {
  if (isTsbakError(error, "no-space")) throw error;
  if (isTsbakError(error)) return error.message;
  if (isSystemError(error) && FULL.has(error.code ?? "")) {
    throw new TsbakError(
      "no-space",
      "Cannot restore: the disk of the target is full; make room and start again",
      { cause: error },
    );
  }
  return describeSystemError(error);
}
