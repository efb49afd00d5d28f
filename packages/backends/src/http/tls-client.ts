import { readFile } from "node:fs/promises";
import * as tls from "node:tls";

import { TsbakError } from "@tsbak/core";

import type { TlsSettings } from "../settings.ts";
import type { TlsClient } from "./socket-transport.ts";

/**
 * What connections over TLS have in common, made once. The authorities of Node and of the system are trusted, and those of
 * the files.
 *
 * @throws {TsbakError} `invalid-argument` if a file cannot be read, or holds no certificate.
 */
export async function tlsClient(settings: TlsSettings = {}): Promise<TlsClient> {
  const { authorityFiles = [], clientCertificateFile, isInsecure = false } = settings;
  const own = await Promise.all(authorityFiles.map(readPem));
  const pair = clientCertificateFile && (await readPem(clientCertificateFile));
  const authorities = isInsecure ? undefined : [...knownAuthorities(), ...own];
  try {
    const secureContext = tls.createSecureContext({
      ca: authorities,
      ...(pair ? { cert: pair, key: pair } : {}),
    });
    return { secureContext, isInsecure };
  } catch (error) {
    const names = [...authorityFiles, ...(clientCertificateFile ? [clientCertificateFile] : [])];
    throw badFile(names.join(" and "), "does not hold what it should, in PEM", error);
  }
}

/** Node before 22.15 knows only its own. */
function knownAuthorities(): readonly string[] {
  const known = tls as Partial<Pick<typeof tls, "getCACertificates">>;
  const { getCACertificates } = known;
  if (getCACertificates === undefined) return tls.rootCertificates;
  return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}

async function readPem(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "latin1");
  } catch (error) {
    throw badFile(path, "cannot be read", error);
  }
  // OpenSSL would not complain about authorities.
  if (!text.includes("-----BEGIN ")) throw badFile(path, "is no PEM file");
  return text;
}

function badFile(path: string, what: string, cause?: unknown): TsbakError {
  return new TsbakError("invalid-argument", `Cannot use TLS: ${path} ${what}; check the file`, {
    cause,
  });
}
