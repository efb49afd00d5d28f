import { isTsbakError, TsbakError } from "@tsbak/core";
import type { ErrorCode } from "@tsbak/core";

import { connectionError } from "../http/connection-error.ts";
import { readFailure } from "./s3-failure.ts";
import type { S3Failure } from "./s3-failure.ts";

/** What is meant, and what to do about it. */
type Meaning = readonly [code: ErrorCode, explanation: string];

const KEY_ID = "the store does not know the access key id; check AWS_ACCESS_KEY_ID";
const SIGNATURE =
  "the secret key does not belong to the access key id; check AWS_SECRET_ACCESS_KEY";
const TOKEN =
  "the session token is not valid, or no longer; get new temporary credentials and set AWS_SESSION_TOKEN";
const FORBIDDEN =
  "access denied; check what the bucket's policy and the key allow, and that the bucket is the right one";
const BUSY = "the store asks for fewer requests; it is repeated later";
const FULL = "the store is full or its quota is used up; make room and repeat";

/** By the code in the server's answer. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  NoSuchKey: ["not-found", "it is not there"],
  NotFound: ["not-found", "it is not there"],
  NoSuchBucket: ["not-found", 'there is no such bucket; check the location, or run "tsbak init"'],
  InvalidBucketName: ["invalid-argument", "a bucket cannot have this name; check the location"],
  PreconditionFailed: ["already-exists", "it is there already"],
  ConditionalRequestConflict: ["unavailable", "somebody writes it at the same time"],
  OperationAborted: ["unavailable", "somebody changes the bucket at the same time"],
  InvalidRange: ["corrupt", "it is shorter than it should be"],
  InvalidAccessKeyId: ["denied", KEY_ID],
  SignatureDoesNotMatch: ["denied", SIGNATURE],
  ExpiredToken: ["denied", TOKEN],
  InvalidToken: ["denied", TOKEN],
  InvalidTokenId: ["denied", TOKEN],
  TokenRefreshRequired: ["denied", TOKEN],
  AccessDenied: ["denied", FORBIDDEN],
  InvalidObjectState: [
    "unsupported",
    "it lies in an archive; have the store bring it back first, then repeat",
  ],
  QuotaExceeded: ["no-space", FULL],
  XMinioStorageFull: ["no-space", FULL],
  XMinioAdminBucketQuotaExceeded: ["no-space", FULL],
  NotImplemented: ["unsupported", "the store cannot do it"],
  // Bytes that were changed or lost on their way come whole the next time.
  BadDigest: ["unavailable", "what arrived is not what was sent"],
  XAmzContentSHA256Mismatch: ["unavailable", "what arrived is not what was sent"],
  IncompleteBody: ["unavailable", "not all that was sent arrived"],
  RequestTimeout: ["unavailable", "the store waited too long for the request"],
  SlowDown: ["unavailable", BUSY],
  SlowDownRead: ["unavailable", BUSY],
  SlowDownWrite: ["unavailable", BUSY],
  TooManyRequests: ["unavailable", BUSY],
  CredentialsProviderError: [
    "denied",
    "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use -o s3.profile or -o s3.unsafe-anonymous-auth=true",
  ],
};

const CLOCK_CODES = new Set(["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"]);
const REGION_CODES = new Set([
  "PermanentRedirect",
  "TemporaryRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
  "InvalidLocationConstraint",
  "InvalidRegion",
]);

/**
 * What a failed call on an S3 store means to the layers above. `action` begins the message: "Cannot read the config". The SDK's
 * own error is not kept, because it may hold parts of what was signed; the cause says what the server said, with
 * `retryAfterMs` if it said when to come back.
 */
export function s3Error(error: unknown, action: string): TsbakError {
  if (isTsbakError(error)) {
    if (error.message.startsWith("Cannot") || error.code === "interrupted") return error;
    return new TsbakError(error.code, `${action}: ${error.message}`, { cause: error.cause });
  }
  const failure = readFailure(error);
  const [code, explanation] = meaningOf(failure, error);
  return new TsbakError(code, `${action}: ${explanation}`, { cause: causeOf(failure) });
}

function meaningOf(failure: S3Failure, error: unknown): Meaning {
  const { name, status } = failure;
  if (CLOCK_CODES.has(name)) return ["denied", explainClock(failure)];
  if (REGION_CODES.has(name)) return ["denied", explainRegion(failure)];
  const known = Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
  if (known !== undefined) return known;
  if (status !== undefined) return meaningOfStatus(status, failure);
  const { code, message } = connectionError(error);
  return [code, message];
}

function meaningOfStatus(status: number, failure: S3Failure): Meaning {
  const words = failure.name === "" ? "" : ` (${wordsOf(failure)})`;
  const answer = `the store answers ${status}${words}`;
  if (status === 404) return ["not-found", "it is not there"];
  if (status === 412) return ["already-exists", "it is there already"];
  if (status === 416) return ["corrupt", "it is shorter than it should be"];
  if (status === 507) return ["no-space", FULL];
  if (status === 501) return ["unsupported", answer];
  if (status === 429 || status === 503) return ["unavailable", BUSY];
  if (status === 401 || status === 403) return ["denied", `${FORBIDDEN} (${answer})`];
  if (status >= 300 && status < 400) return ["denied", explainRegion(failure)];
  if (status >= 400 && status < 500 && status !== 408) return ["denied", answer];
  if (status < 300) return ["unavailable", `the answer cannot be read (${failure.message})`];
  return ["unavailable", answer];
}

function explainClock(failure: S3Failure): string {
  const seconds = failure.clockBehindSeconds;
  if (seconds === undefined) return "this machine's clock differs from the store's; set it";
  const minutes = Math.round(Math.abs(seconds) / 60);
  return `this machine's clock is ${minutes} minutes ${seconds > 0 ? "behind" : "ahead of"} the store's; set it`;
}

function explainRegion(failure: S3Failure): string {
  return failure.region === undefined
    ? "the bucket is in another region; say in which with -o s3.region=REGION"
    : `the bucket is in the region ${failure.region}; use -o s3.region=${failure.region}`;
}

function wordsOf({ name, message }: S3Failure): string {
  return [name, message].filter((part) => part !== "").join(": ");
}

function causeOf(failure: S3Failure): Error {
  const { retryAfterMs } = failure;
  const cause = new Error(wordsOf(failure));
  return retryAfterMs === undefined ? cause : Object.assign(cause, { retryAfterMs });
}
