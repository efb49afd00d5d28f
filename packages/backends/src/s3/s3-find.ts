import { GetObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";

import { TsbakError } from "@tsbak/core";
import type { ByteRange } from "@tsbak/core";

import { discardBody } from "./s3-body.ts";
import type { S3Connection } from "./s3-connection.ts";
import { readFailure } from "./s3-failure.ts";
import { listObjects } from "./s3-list.ts";
import type { SdkCallOptions } from "./s3-list.ts";
import type { S3Options } from "./s3-options.ts";

/** A bucket, and the way to it. */
export interface S3Place {
  readonly connection: S3Connection;
  readonly bucket: string;
  readonly options: S3Options;
}

/** The options of the SDK for a call that may be interrupted. */
export function abortOptions(signal: AbortSignal | undefined): SdkCallOptions {
  return signal === undefined ? {} : { abortSignal: signal };
}

/**
 * Ask for an object, of which the body is not read yet.
 *
 * @throws {unknown} What the SDK throws; a TsbakError `not-found` if it is not there.
 */
export function getObject(
  place: S3Place,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal | undefined,
): Promise<GetObjectCommandOutput> {
  return orNotFound(place, key, signal, () => requestObject(place, key, range, signal));
}

/**
 * The size of an object in bytes.
 *
 * @throws {unknown} What the SDK throws; a TsbakError `not-found` if it is not there.
 */
export function sizeOfObject(
  place: S3Place,
  key: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  return orNotFound(place, key, signal, () => requestSize(place, key, signal));
}

/**
 * To those who may not list all of a bucket, some stores say of what is not there that access is denied; but what they may list
 * tells.
 */
async function orNotFound<T>(
  place: S3Place,
  key: string,
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { status, name } = readFailure(error);
    if (status === 404 && name !== "NoSuchBucket") throw notFound();
    if (status !== 403 || (name !== "AccessDenied" && name !== "")) throw error;
    if (await isListed(place, key, signal).catch(() => true)) throw error;
    throw notFound();
  }
}

async function isListed(
  { connection, bucket, options }: S3Place,
  key: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const query = { bucket, prefix: key, isV1: options.listsObjectsV1 };
  for await (const object of listObjects(connection, query, abortOptions(signal))) {
    if (object.key === key) return true;
  }
  return false;
}

function notFound(): TsbakError {
  return new TsbakError("not-found", "it is not there");
}

async function requestObject(
  { connection, bucket }: S3Place,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal | undefined,
): Promise<GetObjectCommandOutput> {
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, ...rangeInput(range) });
  return await connection.call((client) => client.send(command, abortOptions(signal)));
}

function rangeInput(range: ByteRange | undefined): { Range?: string } {
  if (range === undefined) return {};
  return { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
}

async function requestSize(
  place: S3Place,
  key: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const command = new HeadObjectCommand({ Bucket: place.bucket, Key: key });
  try {
    const answer = await place.connection.call((client) =>
      client.send(command, abortOptions(signal)),
    );
    if (answer.ContentLength !== undefined) return answer.ContentLength;
  } catch (error) {
    const { status } = readFailure(error);
    if (status === undefined || status === 404 || status >= 500) throw error;
    // An answer to HEAD has no body that could say what is wrong; one to GET has.
    const { Body } = await requestObject(place, key, { offset: 0, length: 1 }, signal);
    discardBody(Body);
    throw error;
  }
  throw new TsbakError("unavailable", "the store does not say how long it is");
}
