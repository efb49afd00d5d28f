import type { ErrorCode } from "@tsbak/core";

/** How the command ends, as restic does. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** A snapshot was made, but some of the source could not be read. */
  incomplete: 3,
  noRepository: 10,
  locked: 11,
  wrongPassword: 12,
  interrupted: 130,
} as const;

/** One of `EXIT`. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_ERROR: Partial<Record<ErrorCode, ExitCode>> = {
  "no-repository": EXIT.noRepository,
  locked: EXIT.locked,
  "wrong-password": EXIT.wrongPassword,
  interrupted: EXIT.interrupted,
};

/** The exit code for an error that ended the command. */
export function exitCodeOf(error: unknown): ExitCode {
  return BY_ERROR[expectedCode(error) ?? "corrupt"] ?? EXIT.failure;
}

/**
 * The code of an error that is made for people, or undefined if it is a surprise. By name, not by class: the engine
 * need not be loaded for this.
 */
export function expectedCode(error: unknown): ErrorCode | undefined {
  if (!(error instanceof Error) || error.name !== "TsbakError") return undefined;
  return (error as Error & { code: ErrorCode }).code;
}
