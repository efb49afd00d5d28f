import { findProxy } from "../http/proxy.ts";
import { SocketTransport } from "../http/socket-transport.ts";
import type { HttpAddress } from "../http/socket-transport.ts";
import { tlsClient } from "../http/tls-client.ts";
import { countOption } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";
import { parseRestLocation } from "./rest-location.ts";
import type { Credentials, RestLocation } from "./rest-location.ts";
import { RestBackend } from "./rest.ts";

const CONNECTIONS = 5;

/**
 * The store that a location `rest:...` names. Nothing is connected yet.
 *
 * @throws {TsbakError} `invalid-argument` for a location or option that is not understood, or a certificate that cannot be read.
 */
export async function openRest(rest: string, settings: BackendSettings): Promise<RestBackend> {
  const place = parseRestLocation(rest, settings);
  const connections = countOption(settings, "rest.connections", CONNECTIONS);
  const headers = {
    "user-agent": settings.userAgent ?? "tsbak",
    ...authorization(place.credentials),
  };
  const transport = new SocketTransport(await addressOf(place, settings), headers, connections);
  return new RestBackend({ location: place.shown, path: place.path, connections }, transport);
}

async function addressOf(place: RestLocation, settings: BackendSettings): Promise<HttpAddress> {
  const { server, isSecure } = place;
  if (!("host" in server)) return server;
  const proxy = findProxy({ ...server, isSecure }, settings);
  return { ...server, proxy, tls: isSecure ? await tlsClient(settings.tls) : undefined };
}

/** RFC 7617, section 2. */
function authorization(credentials: Credentials | undefined): Record<string, string> {
  if (credentials === undefined) return {};
  const { user, password } = credentials;
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
}
