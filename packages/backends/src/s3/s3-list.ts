import { ListObjectsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { _Object as SdkObject, S3Client } from "@aws-sdk/client-s3";

import { TsbakError } from "@tsbak/core";

import type { S3Connection } from "./s3-connection.ts";

/** An object as a listing has it. */
export interface ListedObject {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  readonly modified?: Date | undefined;
}

interface Page {
  readonly objects: readonly ListedObject[];
  /** What asks for the next page; undefined after the last. */
  readonly next: string | undefined;
}

/** What the SDK takes beside a command. */
export interface SdkCallOptions {
  readonly abortSignal?: AbortSignal;
}

/** What to list, and how. */
export interface ListQuery {
  readonly bucket: string;
  readonly prefix: string;
  /** In the old way, which every server knows. */
  readonly isV1: boolean;
}

/**
 * All objects whose keys begin with a prefix, a request for every 1000 of them.
 *
 * @throws {unknown} What the SDK throws; a TsbakError `unavailable` for an answer that leads nowhere.
 */
export async function* listObjects(
  connection: S3Connection,
  query: ListQuery,
  call: SdkCallOptions,
): AsyncIterable<ListedObject> {
  const list = query.isV1 ? listPageV1 : listPageV2;
  let at: string | undefined;
  for (;;) {
    const { objects, next } = await connection.call((client) => list(client, query, at, call));
    yield* objects;
    if (next === undefined) return;
    // Otherwise the same page would come for ever.
    if (next === at) throw new TsbakError("unavailable", "the store's listing does not go on");
    at = next;
  }
}

async function listPageV2(
  client: S3Client,
  { bucket, prefix }: ListQuery,
  at: string | undefined,
  call: SdkCallOptions,
): Promise<Page> {
  const input = { Bucket: bucket, Prefix: prefix, ContinuationToken: at };
  const answer = await client.send(new ListObjectsV2Command(input), call);
  const isLast = answer.IsTruncated !== true;
  return pageOf(answer.Contents, isLast, () => answer.NextContinuationToken);
}

async function listPageV1(
  client: S3Client,
  { bucket, prefix }: ListQuery,
  at: string | undefined,
  call: SdkCallOptions,
): Promise<Page> {
  const input = { Bucket: bucket, Prefix: prefix, Marker: at };
  const answer = await client.send(new ListObjectsCommand(input), call);
  // The marker is only told to those who list by folders; otherwise it is the last key.
  return pageOf(
    answer.Contents,
    answer.IsTruncated !== true,
    () => answer.NextMarker ?? answer.Contents?.at(-1)?.Key,
  );
}

function pageOf(
  contents: readonly SdkObject[] | undefined,
  isLast: boolean,
  findNext: () => string | undefined,
): Page {
  const objects = (contents ?? []).map(({ Key = "", Size, LastModified }) => {
    if (Size === undefined) throw unreadable();
    return { key: Key, size: Size, modified: LastModified };
  });
  if (isLast) return { objects, next: undefined };
  const next = findNext();
  if (next === undefined || next === "") throw unreadable();
  return { objects, next };
}

function unreadable(): TsbakError {
  return new TsbakError("unavailable", "the store's listing cannot be read");
}
