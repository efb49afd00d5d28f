import type { ErrorCode } from "@tsbak/core";

/** What is known of a request that was not answered. */
export interface ConnectionFailure {
  readonly message: string;
  /** Of the system, Node.js or OpenSSL, such as `ECONNREFUSED`. */
  readonly errno: string | undefined;
}

const UNKNOWN_AUTHORITY = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_UNTRUSTED",
]);

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody answers at this address; check host and port, and that the store runs",
  ENOTFOUND: "the name of the host is not known; check the location and the network",
  EAI_AGAIN: "the name of the host cannot be looked up now; check the network",
  EHOSTUNREACH: "there is no way to the host; check the network",
  ENETUNREACH: "there is no way to the host; check the network",
  ETIMEDOUT: "the host does not answer; check host and port, and the network",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
};

const NO_TLS = /wrong.version.number|packet.length.too.long|http.request/i;
const REFUSED = /alert.(certificate|bad.certificate|unknown.ca|handshake.failure)/i;

/** What a failure below HTTP means. Only what somebody has to change first is final: a certificate, or the protocol. */
export function connectionFailure(
  failure: ConnectionFailure,
): readonly [code: ErrorCode, explanation: string] {
  const errno = failure.errno ?? "";
  // Where something was being written, the code is EPROTO, and only the message has OpenSSL's words.
  const said = `${errno} ${errno === "EPROTO" ? failure.message : ""}`;
  if (UNKNOWN_AUTHORITY.has(errno)) {
    return [
      "denied",
      "the store's certificate is signed by nobody who is trusted; give the authority's certificate with --cacert FILE",
    ];
  }
  if (errno === "CERT_HAS_EXPIRED" || errno === "CERT_NOT_YET_VALID") {
    const when = errno === "CERT_HAS_EXPIRED" ? "no longer" : "not yet";
    return ["denied", `the store's certificate is ${when} valid; renew it, or set the clock`];
  }
  if (errno === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return ["denied", "the store's certificate is for another host; use the name that it has"];
  }
  if (NO_TLS.test(said)) {
    return ["denied", "the store does not speak TLS here; check the port, or write http://"];
  }
  if (REFUSED.test(said)) {
    return ["denied", "the store wants another client certificate; see --tls-client-cert"];
  }
  const known = Object.hasOwn(EXPLANATIONS, errno) ? EXPLANATIONS[errno] : undefined;
  return ["unavailable", known ?? failure.message];
}
