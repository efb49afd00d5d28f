import { normalize } from "node:path/posix";

import { TsbakError } from "@tsbak/core";

/** Where a repository lies on a server that speaks S3. */
export interface S3Location {
  /** For messages to people: as it was given. It holds no credentials, which are refused. */
  readonly text: string;
  readonly protocol: "http:" | "https:";
  /** With the port, if one was given. */
  readonly host: string;
  readonly bucket: string;
  /** What all keys begin with: empty, or with a `/` at the end. */
  readonly prefix: string;
}

/**
 * Read what follows `s3:` in a location, as restic spells it: `host/bucket/prefix`, `//host/bucket/prefix`, or a whole URL.
 * Without a protocol it is https.
 *
 * @throws {TsbakError} `invalid-argument` without a host or bucket, and for credentials, which have no place there.
 */
export function parseS3Location(rest: string): S3Location {
  const url = /^(https?):\/\/(.*)$/s.exec(rest);
  const place = url?.[2] ?? rest.replace(/^\/\//, "");
  const [host = "", bucketText = "", ...prefixParts] = place.split("/");
  // Whoever writes a password there has it in the list of processes and in the shell's history.
  if (host.includes("@")) {
    throw badLocation(
      "credentials are not taken from it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  }
  if (/[?#]/.test(place) && url !== null) throw badLocation('it must not hold "?" or "#"');
  if (!isHost(host)) throw badLocation("it names no host; write s3:HOST/BUCKET/PREFIX");
  const decode = url === null ? (text: string): string => text : decodePart;
  const bucket = decode(bucketText);
  if (bucket === "") throw badLocation("it names no bucket; write s3:HOST/BUCKET/PREFIX");
  return {
    text: `s3:${rest}`,
    protocol: url?.[1] === "http" ? "http:" : "https:",
    host,
    bucket,
    prefix: cleanPrefix(decode(prefixParts.join("/"))),
  };
}

/**
 * The region that a host's name tells: of `s3.eu-central-1.amazonaws.com` and of other providers' hosts that are named
 * alike, such as `s3.us-west-004.backblazeb2.com`. Undefined if it tells none.
 */
export function regionOfHost(host: string): string | undefined {
  return /^s3(?:-fips)?[.-](?:dualstack\.)?([a-z]{2,}-[a-z0-9-]*\d)\.[a-z]/.exec(host)?.[1];
}

/** Amazon has a host for each region; a bucket answers on its own region's only. Other hosts are left as they are. */
export function hostInRegion(host: string, region: string): string {
  if (host === "s3.amazonaws.com") {
    return region === "us-east-1" ? host : `s3.${region}.amazonaws.com`;
  }
  const own = isAmazon(host) ? regionOfHost(host) : undefined;
  return own === undefined ? host : host.replace(own, region);
}

/** True for stores that want the bucket in the host's name, as Amazon does for all buckets that are new. */
export function wantsBucketInHost(host: string): boolean {
  return isAmazon(host) || /(^|\.)aliyuncs\.com$/.test(host);
}

function isAmazon(host: string): boolean {
  return /(^|\.)amazonaws\.com(\.cn)?$/.test(host);
}

function isHost(host: string): boolean {
  return host !== "" && URL.canParse(`https://${host}`) && !/[\s\\]/.test(host);
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badLocation('a "%" in it is not followed by two hex digits; write it as %25');
  }
}

/** As restic does, so that both tools find the same place: no empty parts, no `.` and `..`. */
function cleanPrefix(text: string): string {
  const clean = normalize(text).replace(/^\/+|\/+$/g, "");
  return clean === "" || clean === "." ? "" : `${clean}/`;
}

function badLocation(what: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot read the location of the S3 store: ${what}`);
}
