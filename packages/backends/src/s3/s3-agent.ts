import type { Agent } from "node:http";

import { http, https } from "../http/node-http.ts";
import type { HttpProxy } from "../http/proxy.ts";
import { SHARED_READING } from "../http/shared-reading.ts";
import { TunnelAgent } from "../http/tunnel-agent.ts";
import type { TlsClient } from "../http/socket-transport.ts";

/** Connections that are used again and again. How many there are at once is the business of whoever makes the calls. */
export function createAgent(tls: TlsClient | undefined, proxy: HttpProxy | undefined): Agent {
  const keeping = { ...SHARED_READING, keepAlive: true, maxSockets: Infinity };
  if (tls === undefined) return new http.Agent(keeping);
  const { secureContext, isInsecure } = tls;
  const options = { ...keeping, secureContext, rejectUnauthorized: !isInsecure };
  return proxy === undefined ? new https.Agent(options) : new TunnelAgent(proxy, options);
}
