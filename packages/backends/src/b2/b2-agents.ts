import { readFileSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent, type AgentOptions } from "node:https";
import { rootCertificates } from "node:tls";

import { TsbakError } from "@tsbak/core";

import type { TlsSettings } from "../settings.ts";

/** Connections that are used again and again; how many there are is up to whoever makes calls. */
export interface B2Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** @throws {TsbakError} `invalid-argument` for a file with certificates that cannot be read. */
export function createAgents(tls: TlsSettings = {}): B2Agents {
  return {
    http: new HttpAgent({ keepAlive: true }),
    https: new HttpsAgent({ keepAlive: true, ...tlsOptions(tls) }),
  };
}

function tlsOptions(tls: TlsSettings): AgentOptions {
  const options: AgentOptions = {};
  const authorities = tls.authorityFiles ?? [];
  // Authorities that are given replace the known ones, so these are given too.
  if (authorities.length > 0) options.ca = [...rootCertificates, ...authorities.map(readPem)];
  if (tls.clientCertificateFile !== undefined) {
    options.cert = readPem(tls.clientCertificateFile);
    options.key = options.cert;
  }
  if (tls.isInsecure === true) options.rejectUnauthorized = false;
  return options;
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new TsbakError(
      "invalid-argument",
      `Cannot use the certificates in ${path}: the file cannot be read; check the path`,
      { cause },
    );
  }
}
