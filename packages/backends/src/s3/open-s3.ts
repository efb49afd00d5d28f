import type { Backend } from "@tsbak/core";

import type { BackendSettings } from "../settings.ts";
import { S3Connection } from "./s3-connection.ts";
import { parseS3Location } from "./s3-location.ts";
import { readS3Options } from "./s3-options.ts";
import { S3Backend } from "./s3.ts";

/**
 * The store that `s3:REST` names. Loads the SDK, so it is to be imported only when it is needed. Nothing is connected yet.
 *
 * @throws {TsbakError} `invalid-argument` for a location, options, credentials or certificates that cannot be used.
 */
export function openS3(rest: string, settings: BackendSettings): Backend {
  const location = parseS3Location(rest);
  const options = readS3Options(settings);
  return new S3Backend(new S3Connection(location, options, settings), location, options);
}
