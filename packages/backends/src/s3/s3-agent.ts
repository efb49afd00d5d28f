import type { Agent } from "node:http";

import { http, https } from "../http/node-http.ts";
import type { HttpProxy } from "../http/proxy.ts";
import { SHARED_READING } from "../http/shared-reading.ts";
import { tlsClient } from "../http/tls-client.ts";
import { TunnelAgent } from "../http/tunnel-agent.ts";
import type { TlsSettings } from "../settings.ts";

/**
 * Connections that are used again and again. How many there are at once is the business of whoever makes the calls.
 *
 * @throws {TsbakError} `invalid-argument` if a file with certificates cannot be used.
 */
export async function createAgent(
  protocol: "http:" | "https:",
  settings: TlsSettings | undefined,
  proxy: HttpProxy | undefined,
): Promise<Agent> {
  const keeping = { ...SHARED_READING, keepAlive: true, maxSockets: Infinity };
  if (protocol === "http:") return new http.Agent(keeping);
  const { secureContext, isInsecure } = await tlsClient(settings);
  const options = { ...keeping, secureContext, rejectUnauthorized: !isInsecure };
  return proxy === undefined ? new https.Agent(options) : new TunnelAgent(proxy, options);
}
