import type { Agent as HttpAgent } from "node:http";
import type { Agent as HttpsAgent } from "node:https";

import { http, https } from "../http/node-http.ts";
import { tlsClient } from "../http/tls-client.ts";
import type { TlsSettings } from "../settings.ts";

/** Connections that are used again and again; how many there are is up to whoever makes calls. */
export interface B2Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** @throws {TsbakError} `invalid-argument` for a file with certificates that cannot be used. */
export async function createAgents(tls: TlsSettings | undefined): Promise<B2Agents> {
  const { secureContext, isInsecure } = await tlsClient(tls);
  const security = { secureContext, rejectUnauthorized: !isInsecure };
  return {
    http: new http.Agent({ keepAlive: true }),
    https: new https.Agent({ keepAlive: true, ...security }),
  };
}
