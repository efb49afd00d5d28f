import { constants } from "node:os";

import { isTsbakError, TsbakError } from "@tsbak/core";
import type { ErrorCode } from "@tsbak/core";

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "not-found",
  ENOTDIR: "not-found",
  EEXIST: "already-exists",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EFBIG: "no-space",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
};

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ENOENT: "it is not there",
  ENOTDIR: "it is not there",
  EEXIST: "it is there already",
  ENOSPC: "the disk is full; make room and repeat",
  EDQUOT: "the disk quota is used up; make room and repeat",
  EFBIG: "the file system takes no file of this size",
  EACCES: "permission denied; check the owner and mode of the folder",
  EPERM: "operation not permitted; check the owner and attributes of the folder",
  EROFS: "the file system is mounted read-only",
  EIO: "the disk reports an error; check the disk",
};

/** The name of a system error such as `ENOENT`; undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  // Node has no name for it: its code is "Unknown system error -122".
  if ("errno" in error && error.errno === -constants.errno.EDQUOT) return "EDQUOT";
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * What a failed call on local files means to the layers above. `action` begins the message: "Cannot read the config".
 * An error of tsbak keeps its code. `missing` is the code for what is not there: a write that finds no folder
 * may succeed once the disk is mounted again.
 */
export function localError(
  error: unknown,
  action: string,
  missing: "not-found" | "unavailable" = "not-found",
): TsbakError {
  if (isTsbakError(error)) {
    if (error.message.startsWith("Cannot") || error.code === "interrupted") return error;
    return new TsbakError(error.code, `${action}: ${error.message}`, { cause: error });
  }
  const errno = errnoOf(error) ?? "";
  const code = CODES[errno] ?? "unavailable";
  const what = EXPLANATIONS[errno] ?? (error instanceof Error ? error.message : String(error));
  return new TsbakError(code === "not-found" ? missing : code, `${action}: ${what}`, {
    cause: error,
  });
}
