import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import * as tls from "node:tls";

import { TsbakError } from "@tsbak/core";

import type { TlsSettings } from "../settings.ts";

/**
 * Connections that are used again and again. How many there are at once is the business of whoever makes the calls.
 *
 * @throws {TsbakError} `invalid-argument` if a file with certificates cannot be read.
 */
export function createAgent(
  protocol: "http:" | "https:",
  settings: TlsSettings | undefined,
): http.Agent | https.Agent {
  const common = { keepAlive: true, maxSockets: Infinity };
  if (protocol === "http:") return new http.Agent(common);
  return new https.Agent({ ...common, ...tlsOptions(settings ?? {}) });
}

function tlsOptions(settings: TlsSettings): https.AgentOptions {
  const authorities = (settings.authorityFiles ?? []).map(readPem);
  const client =
    settings.clientCertificateFile === undefined
      ? undefined
      : readPem(settings.clientCertificateFile);
  return {
    // Given authorities replace the known ones, so these are given as well.
    ...(authorities.length === 0 ? {} : { ca: [...knownAuthorities(), ...authorities] }),
    // OpenSSL takes out of the file what it looks for.
    ...(client === undefined ? {} : { cert: client, key: client }),
    ...(settings.isInsecure === true ? { rejectUnauthorized: false } : {}),
  };
}

function knownAuthorities(): readonly string[] {
  // Node.js 22.15 and newer also know those of NODE_EXTRA_CA_CERTS and the system's.
  const list: unknown = Reflect.get(tls, "getCACertificates");
  return typeof list === "function" ? tls.getCACertificates() : tls.rootCertificates;
}

function readPem(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw badFile(path, "it cannot be read", error);
  }
  if (text.includes("-----BEGIN ")) return text;
  throw badFile(path, "it holds no certificate in the PEM form");
}

function badFile(path: string, what: string, cause?: unknown): TsbakError {
  return new TsbakError("invalid-argument", `Cannot use the certificates in ${path}: ${what}`, {
    cause,
  });
}
