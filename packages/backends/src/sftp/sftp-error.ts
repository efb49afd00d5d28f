import { isTsbakError, TsbakError } from "@tsbak/core";
import type { ErrorCode } from "@tsbak/core";

import { STATUS } from "./packet.ts";
import { StatusError } from "./status-error.ts";

const CODES: Readonly<Record<number, ErrorCode>> = {
  [STATUS.endOfFile]: "unavailable",
  [STATUS.noSuchFile]: "not-found",
  [STATUS.permissionDenied]: "denied",
  [STATUS.unsupported]: "unsupported",
};

const EXPLANATIONS: Readonly<Record<number, string>> = {
  [STATUS.noSuchFile]: "it is not there",
  [STATUS.permissionDenied]:
    "the server denies permission; check the owner and mode of the folder there",
  [STATUS.failure]:
    "the server reports a failure and does not say which; check its disk, its quota and its log",
  [STATUS.unsupported]: "the server does not know the request",
};

/**
 * What a failed call means to the layers above. `action` begins the message: "Cannot read the config from sftp:host:backup".
 * `missing` is the code for what is not there: a write that finds no folder may succeed once the disk is mounted again.
 */
export function sftpError(
  error: unknown,
  action: string,
  missing: "not-found" | "unavailable" = "not-found",
): TsbakError {
  if (isTsbakError(error)) {
    if (error.message.startsWith("Cannot") || error.code === "interrupted") return error;
    return new TsbakError(error.code, `${action}: ${error.message}`, { cause: error });
  }
  const status = error instanceof StatusError ? error.status : -1;
  const code = CODES[status] ?? "unavailable";
  const what = EXPLANATIONS[status] ?? (error instanceof Error ? error.message : String(error));
  return new TsbakError(code === "not-found" ? missing : code, `${action}: ${what}`, {
    cause: error,
  });
}
