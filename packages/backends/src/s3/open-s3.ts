import type { Backend } from "@tsbak/core";

import { findProxy } from "../http/proxy.ts";
import type { Destination } from "../http/proxy.ts";
import type { BackendSettings } from "../settings.ts";
import { createAgent } from "./s3-agent.ts";
import { S3Connection } from "./s3-connection.ts";
import { parseS3Location } from "./s3-location.ts";
import type { S3Location } from "./s3-location.ts";
import { readS3Options } from "./s3-options.ts";
import { S3Backend } from "./s3.ts";

/**
 * The store that `s3:REST` names. Loads the SDK, so it is to be imported only when it is needed. Nothing is connected yet.
 *
 * @throws {TsbakError} `invalid-argument` for a location, options, credentials or certificates that cannot be used.
 */
export async function openS3(rest: string, settings: BackendSettings): Promise<Backend> {
  const location = parseS3Location(rest);
  const options = readS3Options(settings);
  const proxy = findProxy(destinationOf(location), settings);
  const agent = await createAgent(location.protocol, settings.tls, proxy);
  const connection = new S3Connection(location, options, settings, { agent, proxy });
  return new S3Backend(connection, location, options);
}

function destinationOf({ protocol, host }: S3Location): Destination {
  const { hostname, port } = new URL(`${protocol}//${host}`);
  const isSecure = protocol === "https:";
  return {
    isSecure,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port) || (isSecure ? 443 : 80),
  };
}
