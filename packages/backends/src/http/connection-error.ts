import { isTsbakError, TsbakError } from "@tsbak/core";
import type { ErrorCode } from "@tsbak/core";

import { errnoOf } from "../local-error.ts";

type Meaning = readonly [code: ErrorCode, what: string];

const CUT: Meaning = ["unavailable", "the connection was cut"];
const NO_WAY: Meaning = ["unavailable", "the host cannot be reached; check the network"];
const NO_TLS: Meaning = [
  "invalid-argument",
  "the server does not speak TLS; use http: instead of https:, or turn TLS on there",
];

/** By the name of the system's or OpenSSL's error. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: [
    "unavailable",
    "nobody answers there; check the address, and that the server runs",
  ],
  ECONNRESET: CUT,
  EPIPE: CUT,
  ETIMEDOUT: ["unavailable", "the server does not answer"],
  EHOSTUNREACH: NO_WAY,
  ENETUNREACH: NO_WAY,
  EAI_AGAIN: ["unavailable", "the name of the host cannot be looked up; check the network"],
  ENOTFOUND: ["unavailable", "there is no host of this name; check the address"],
  ENOENT: ["unavailable", "the socket is not there; check its path, and that the server runs"],
  EACCES: ["denied", "permission denied on the socket; check its owner and mode"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "denied",
    "the server's certificate is for another name; check the address",
  ],
  CERT_HAS_EXPIRED: ["denied", "the server's certificate has expired"],
  CERT_NOT_YET_VALID: [
    "denied",
    "the server's certificate is not valid yet; check this machine's clock",
  ],
};

/** What OpenSSL says of an answer that is not TLS at all. */
const NO_RECORD = /wrong.version.number|packet.length.too.long/i;
const UNTRUSTED = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|HOSTNAME_)/;
/** How OpenSSL names the alerts by which a server refuses a client's certificate, or that there is none. */
const REFUSED = /alert.(certificate|bad.certificate|unknown.ca|handshake.failure)/i;

/**
 * What it means that a request got no response. The message is the second half of one: it names neither the store nor what was
 * being done. An error of tsbak is given back as it is.
 */
export function connectionError(error: unknown): TsbakError {
  if (isTsbakError(error)) return error;
  const [code, what] = meaningOf(error);
  return new TsbakError(code, what, { cause: error });
}

function meaningOf(error: unknown): Meaning {
  const name = errnoOf(error) ?? "";
  const known = Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
  if (known !== undefined) return known;
  const ofOpenSsl = openSslWords(name, error);
  if (NO_RECORD.test(ofOpenSsl)) return NO_TLS;
  if (UNTRUSTED.test(name)) {
    return ["denied", `the server's certificate is not trusted (${name}); use --cacert`];
  }
  if (REFUSED.test(ofOpenSsl)) {
    return [
      "denied",
      "the server wants another client certificate; check --tls-client-cert and the server",
    ];
  }
  return ["unavailable", error instanceof Error ? error.message : String(error)];
}

/** They are in the code, or where something was being written in the message, beside the code EPROTO. */
function openSslWords(name: string, error: unknown): string {
  if (name.startsWith("ERR_SSL_")) return name;
  return name === "EPROTO" && error instanceof Error ? error.message : "";
}
