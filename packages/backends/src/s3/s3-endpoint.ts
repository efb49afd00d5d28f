import type { Destination } from "../http/proxy.ts";
import { variableOf } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";
import { hostInRegion, regionOfHost, wantsBucketInHost } from "./s3-location.ts";
import type { S3Location } from "./s3-location.ts";
import type { S3Options } from "./s3-options.ts";

/** Where requests for a bucket in a region go. */
export interface S3Endpoint {
  readonly url: string;
  readonly region: string;
  /** The bucket's name goes to the path, not to the host's name. */
  readonly usesPaths: boolean;
}

/** The region that an option gives, or the host's name, or the environment, or `us-east-1`, which servers without regions take. */
export function firstRegion(
  location: S3Location,
  options: S3Options,
  settings: BackendSettings,
): string {
  return (
    options.region ??
    regionOfHost(location.host) ??
    variableOf(settings, "AWS_REGION") ??
    variableOf(settings, "AWS_DEFAULT_REGION") ??
    "us-east-1"
  );
}

/** Where a store is asked that is in a region. */
export function endpointIn(
  region: string,
  { protocol, host }: S3Location,
  { bucketLookup }: S3Options,
): S3Endpoint {
  const usesPaths =
    bucketLookup === "path" || (bucketLookup === "auto" && !wantsBucketInHost(host));
  return { url: `${protocol}//${hostInRegion(host, region)}`, region, usesPaths };
}

/** The server that connections lead to: for a bucket in the host's name that of the bucket. */
export function serverOf({ url, usesPaths }: S3Endpoint, bucket: string): Destination {
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === "https:";
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    isSecure,
    host: usesPaths ? host : `${bucket}.${host}`,
    port: Number(port) || (isSecure ? 443 : 80),
  };
}
