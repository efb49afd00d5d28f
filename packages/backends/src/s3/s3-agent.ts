import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import * as tls from "node:tls";

import { TsbakError } from "@tsbak/core";

import type { TlsSettings } from "../settings.ts";

/**
 * Connections that are used again and again. How many there are at once is the business of whoever makes the calls.
 *
 * @throws {TsbakError} `invalid-argument` if a file with certificates cannot be used.
 */
export function createAgent(
  protocol: "http:" | "https:",
  settings: TlsSettings | undefined,
): http.Agent | https.Agent {
  const common = { keepAlive: true, maxSockets: Infinity };
  if (protocol === "http:") return new http.Agent(common);
  return new https.Agent({ ...common, ...tlsOptions(settings ?? {}) });
}

/** Authorities and certificates are read and parsed once, not for each connection. */
function tlsOptions(settings: TlsSettings): https.AgentOptions {
  const { authorityFiles = [], clientCertificateFile, isInsecure = false } = settings;
  const authorities = isInsecure ? [] : [...knownAuthorities(), ...authorityFiles.map(readPem)];
  const client = clientCertificateFile === undefined ? undefined : readPem(clientCertificateFile);
  // OpenSSL takes out of the client's file what it looks for.
  const own = client === undefined ? {} : { cert: client, key: client };
  try {
    const secureContext = tls.createSecureContext({ ca: authorities, ...own });
    return { secureContext, rejectUnauthorized: !isInsecure };
  } catch (error) {
    const files = [...authorityFiles, clientCertificateFile ?? ""].join(" ").trim();
    throw badFile(files, "they are not what they should be", error);
  }
}

/** Node.js before 22.15 knows only its own, newer ones also the system's. */
function knownAuthorities(): readonly string[] {
  const { getCACertificates } = tls as Partial<Pick<typeof tls, "getCACertificates">>;
  if (getCACertificates === undefined) return tls.rootCertificates;
  return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}

function readPem(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
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
