import { isTsbakError, TsbakError } from "@tsbak/core";
import type { ErrorCode } from "@tsbak/core";

import { connectionError } from "../http/connection-error.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import { headerOf } from "../http/transport.ts";
import type { HttpResponse } from "../http/transport.ts";

/** A status that is no success, as the cause of an error. */
export interface StatusCause extends Error {
  /** How long the server wants to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

type Meaning = readonly [code: ErrorCode, what: string];

const MEANINGS: Readonly<Record<number, Meaning>> = {
  400: [
    "unavailable",
    "the server takes the request for damaged (400); if that stays so, check whether it wants https:",
  ],
  401: ["denied", "the server wants another user or password (401); check both, and the path"],
  403: ["denied", "the server forbids it (403); check what this user may do there"],
  404: ["not-found", "the server has nothing of this name (404)"],
  408: ["unavailable", "the server waited too long for the request (408)"],
  413: [
    "no-space",
    "the server, or a proxy before it, takes no file of this size (413); raise its limit",
  ],
  416: ["corrupt", "the file ends before the bytes that are wanted (416)"],
  425: ["unavailable", "the server does not want the request yet (425)"],
  429: ["unavailable", "the server wants fewer requests (429)"],
  501: ["unsupported", "the server cannot do this (501); check that it is one for restic"],
  507: ["no-space", "the server is full, or a limit of it is reached (507); make room and repeat"],
};

/** What a response means whose status is no success. `action` begins the message: "Cannot read the config". */
export function statusError(response: HttpResponse, action: string): TsbakError {
  const { status, headers } = response;
  const [code, what] = meaningOf(response);
  const wait = retryAfterMs(headers);
  const cause: StatusCause = Object.assign(
    new Error(`HTTP status ${status}`),
    wait === undefined ? {} : { retryAfterMs: wait },
  );
  return new TsbakError(code, `${action}: ${what}`, { cause });
}

/** What a failed request means. `action` begins the message. */
export function requestError(error: unknown, action: string): TsbakError {
  const { code, message, cause } = connectionError(error);
  if (code === "interrupted" && isTsbakError(error)) return error;
  return new TsbakError(code, `${action}: ${message}`, { cause: cause ?? error });
}

function meaningOf({ status, headers }: HttpResponse): Meaning {
  const known = MEANINGS[status];
  if (known !== undefined) return known;
  if (status >= 500) return ["unavailable", `the server fails (${status})`];
  if (status >= 300 && status < 400) {
    return [
      "invalid-argument",
      `the server redirects to ${targetOf(headerOf(headers, "location"))} (${status}); use that as the location`,
    ];
  }
  return ["unsupported", `the server answers ${status}; check that it is one for restic`];
}

/** Where a redirection leads, without what might be secret. */
function targetOf(location: string | undefined): string {
  if (location === undefined || !URL.canParse(location)) return "another place";
  const { protocol, host } = new URL(location);
  return `${protocol}//${host}`;
}
