import type { Backend } from "@tsbak/core";

import { connectEarly } from "../http/early-connections.ts";
import { findProxy } from "../http/proxy.ts";
import { tlsClient } from "../http/tls-client.ts";
import type { BackendSettings } from "../settings.ts";
import { createAgent } from "./s3-agent.ts";
import { endpointIn, firstRegion, serverOf } from "./s3-endpoint.ts";
import { parseS3Location } from "./s3-location.ts";
import { readS3Options } from "./s3-options.ts";

/** A repository is opened with two requests at once. */
const EARLY_CONNECTIONS = 2;

/**
 * The store that `s3:REST` names. Loads the SDK, while connections are begun.
 *
 * @throws {TsbakError} `invalid-argument` for a location, options, credentials or certificates that cannot be used.
 */
export async function openS3(rest: string, settings: BackendSettings): Promise<Backend> {
  const location = parseS3Location(rest);
  const options = readS3Options(settings);
  const endpoint = endpointIn(firstRegion(location, options, settings), location, options);
  const server = serverOf(endpoint, location.bucket);
  const proxy = findProxy(server, settings);
  const tls = server.isSecure ? await tlsClient(settings.tls) : undefined;
  const agent = createAgent(tls, proxy);
  if (proxy === undefined) await connectEarly(agent, { ...server, tls }, EARLY_CONNECTIONS);
  const [{ S3Backend }, { S3Connection }] = await Promise.all([
    import("./s3.ts"),
    import("./s3-connection.ts"),
  ]);
  const connection = new S3Connection(location, options, settings, { agent, proxy });
  return new S3Backend(connection, location, options);
}
