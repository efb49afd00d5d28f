import { TsbakError } from "@tsbak/core";

import { variableOf } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";
import type { S3Options } from "./s3-options.ts";

/** How requests are signed. */
export type S3Credentials =
  | { readonly kind: "anonymous" }
  | {
      readonly kind: "static";
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken: string | undefined;
    }
  /**
   * The SDK looks for them where Amazon's own programs do: the process's environment, the files, a web identity, the machine's or
   * container's role.
   */
  | {
      readonly kind: "chain";
      readonly profile: string | undefined;
      readonly credentialsFile: string | undefined;
      readonly configFile: string | undefined;
    };

/**
 * Choose the credentials: none if that is wished for, a profile that an option names, keys in the settings' environment (Amazon's
 * names, then MinIO's, as in restic), or wherever the SDK finds some.
 *
 * @throws {TsbakError} `invalid-argument` if only one half of a pair is there, and if the settings have no environment: then
 *   nothing may be looked for.
 */
export function findS3Credentials(settings: BackendSettings, options: S3Options): S3Credentials {
  if (options.isAnonymous) return { kind: "anonymous" };
  refuseRoles(settings);
  if (options.profile === undefined) {
    for (const [id, secret] of KEY_PAIRS) {
      const found = readPair(settings, id, secret);
      if (found !== undefined) return found;
    }
  }
  if (settings.environment === undefined) {
    throw badCredentials(
      "there are none; give settings.environment, or -o s3.unsafe-anonymous-auth=true",
    );
  }
  return {
    kind: "chain",
    profile: options.profile ?? variableOf(settings, "AWS_PROFILE"),
    credentialsFile: variableOf(settings, "AWS_SHARED_CREDENTIALS_FILE"),
    configFile: variableOf(settings, "AWS_CONFIG_FILE"),
  };
}

const KEY_PAIRS = [
  ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
  ["MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"],
] as const;

function readPair(
  settings: BackendSettings,
  idName: string,
  secretName: string,
): S3Credentials | undefined {
  const accessKeyId = variableOf(settings, idName);
  const secretAccessKey = variableOf(settings, secretName);
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined) throw badCredentials(`${secretName} is set but not ${idName}`);
  if (secretAccessKey === undefined) throw badCredentials(`${idName} is set but not ${secretName}`);
  const sessionToken = variableOf(settings, "AWS_SESSION_TOKEN");
  return { kind: "static", accessKeyId, secretAccessKey, sessionToken };
}

/** What restic would do with it is not done here, and without it another identity would be used than was meant. */
function refuseRoles(settings: BackendSettings): void {
  if (variableOf(settings, "RESTIC_AWS_ASSUME_ROLE_ARN") === undefined) return;
  throw badCredentials(
    "RESTIC_AWS_ASSUME_ROLE_ARN is not supported; name the role in a profile (role_arn) and use -o s3.profile",
  );
}

function badCredentials(what: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot find credentials for the S3 store: ${what}`);
}
