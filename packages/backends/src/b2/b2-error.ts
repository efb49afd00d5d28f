import { isTsbakError, TsbakError } from "@tsbak/core";
import type { ErrorCode } from "@tsbak/core";

import { connectionError } from "../http/connection-error.ts";
import { B2Failure } from "./b2-failure.ts";

type Meaning = readonly [code: ErrorCode, what: string];

const CAP_ADVICE = "raise it in the settings of the account";

/** What B2's words mean, whatever the status. */
const WORDS: Readonly<Record<string, Meaning>> = {
  bad_bucket_id: ["not-found", "the bucket is not there; check its name"],
  file_not_present: ["not-found", "it is not there"],
  no_such_file: ["not-found", "it is not there"],
  storage_cap_exceeded: [
    "no-space",
    `the account's cap for storage is reached; ${CAP_ADVICE}, or make room`,
  ],
  cap_exceeded: ["no-space", `a cap of the account is reached; ${CAP_ADVICE}`],
  transaction_cap_exceeded: [
    "denied",
    `the account's cap for transactions is reached; ${CAP_ADVICE}`,
  ],
  download_cap_exceeded: ["denied", `the account's cap for downloads is reached; ${CAP_ADVICE}`],
  unsupported: [
    "unsupported",
    "B2 does not take this key from this version, as when it is for several buckets; use one for a single bucket, or for all",
  ],
  expired_auth_token: ["unavailable", "B2 let the session expire"],
  bad_auth_token: ["unavailable", "B2 does not know the session"],
};

/**
 * What a failed call to B2 means to the layers above. `action` begins the message: "Cannot read the config from b2:bucket".
 * An error of tsbak keeps its code.
 */
export function b2Error(error: unknown, action: string): TsbakError {
  if (isTsbakError(error)) {
    if (error.message.startsWith("Cannot") || error.code === "interrupted") return error;
    return new TsbakError(error.code, `${action}: ${error.message}`, { cause: error });
  }
  const [code, what] = error instanceof B2Failure ? meaningOf(error) : other(error);
  return new TsbakError(code, `${action}: ${what}`, { cause: error });
}

function meaningOf(failure: B2Failure): Meaning {
  const { status, code, message } = failure;
  if (status === undefined) {
    const connection = connectionError(failure);
    return [connection.code, connection.message];
  }
  const known = Object.hasOwn(WORDS, code) ? WORDS[code] : undefined;
  if (known !== undefined) return known;
  // It is what B2 would have said that is missing.
  if (status < 400) return ["unavailable", "the answer broke off"];
  if (status === 404) return ["not-found", "it is not there"];
  if (status === 408 || status === 429 || status >= 500) {
    return ["unavailable", `B2 is busy (${status} ${code})`];
  }
  // The promised SHA-1 and the bytes that came differ: they changed on their way.
  if (/sha1/i.test(message)) return ["unavailable", `the bytes did not arrive whole (${message})`];
  if (status === 401) {
    return [
      "denied",
      `the key may not do this (${message}); give it the capability, or use another`,
    ];
  }
  if (status === 403)
    return ["denied", `B2 forbids it (${message}), or a cap of the account is reached`];
  return ["denied", `B2 refuses it (${status} ${code}: ${message})`];
}

function other(error: unknown): Meaning {
  return ["unavailable", error instanceof Error ? error.message : String(error)];
}
