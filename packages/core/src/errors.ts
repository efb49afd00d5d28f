/**
 * What went wrong, for a caller that acts on it. A code exists only because somebody does:
 *
 * - `no-repository`: the location holds no repository (exit 10).
 * - `locked`: another process holds a lock that excludes ours (exit 11).
 * - `wrong-password`: no key of the repository opens with this password (exit 12).
 * - `not-found`: the named file, blob, snapshot or path is not there.
 * - `already-exists`: what should be created is there already.
 * - `unavailable`: the store did not confirm; a repetition may succeed.
 * - `no-space`: the store or disk is full.
 * - `denied`: the store or operating system refuses the right.
 * - `corrupt`: stored bytes are not what they were when written; never retried, never repaired silently.
 * - `unsupported`: valid, but not for this version or platform.
 * - `invalid-argument`: a wish of the user that cannot be granted as worded.
 * - `interrupted`: the caller's signal was aborted.
 */
export type ErrorCode =
  | "no-repository"
  | "locked"
  | "wrong-password"
  | "not-found"
  | "already-exists"
  | "unavailable"
  | "no-space"
  | "denied"
  | "corrupt"
  | "unsupported"
  | "invalid-argument"
  | "interrupted";

/**
 * The only error class of tsbak. The message is for people: "Cannot <verb> <object>: <what is>; <what to do>",
 * and never holds a secret. `cause` carries the lower error.
 */
export class TsbakError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TsbakError";
    this.code = code;
  }
}

/** True if `error` is a `TsbakError`, and of this code where one is given. */
export function isTsbakError(error: unknown, code?: ErrorCode): error is TsbakError {
  return error instanceof TsbakError && (code === undefined || error.code === code);
}
