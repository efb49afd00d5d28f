import { createHash, type Hash } from "node:crypto";

import { TsbakError } from "@tsbak/core";
import type { ByteRange, OnBytes, ReadOptions } from "@tsbak/core";

import { contentLength, ResponseBody } from "../http/response-body.ts";
import type { HttpHeaders } from "../http/transport.ts";
import type { B2Download } from "./b2-client.ts";

/**
 * The bytes of a download: exactly those that were asked for, and of a whole file those that have the SHA-1 with which it
 * was stored. They are put into `into` if that is long enough.
 *
 * @throws {TsbakError} `corrupt` if the file ends before the range does.
 * @throws {TsbakError} `unavailable` if the answer breaks off, or is not what it should be.
 */
export async function readDownload(
  download: B2Download,
  range: ByteRange | undefined,
  { into, onBytes }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const length = lengthOf(download.headers);
    checkAnswer(download, range, length);
    const contents = new ResponseBody(length, into);
    return await readBody(download, contents, hashFor(download, range), onBytes);
  } finally {
    download.body.destroy();
  }
}

/** The size that a header of an answer tells. */
export function lengthOf(headers: HttpHeaders): number {
  const length = contentLength(headers);
  if (length !== undefined) return length;
  throw new TsbakError("unavailable", "B2 does not say how long the file is");
}

function checkAnswer(
  { status, headers }: B2Download,
  range: ByteRange | undefined,
  length: number,
): void {
  if (range === undefined) {
    if (status !== 200) throw strange(`status ${status}`);
    return;
  }
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(headers["content-range"]));
  if (status !== 206 || match === null) throw strange(`status ${status} to a range`);
  const [start, end, size] = match.slice(1).map(Number) as [number, number, number];
  const wantedEnd = range.offset + range.length;
  if (wantedEnd > size) throw beyondEnd(range, size);
  if (start !== range.offset || end + 1 !== wantedEnd || length !== range.length) {
    throw strange("another range");
  }
}

/** The error for a range that is not all in the file, of which the size may not be known. */
export function beyondEnd(range: ByteRange, size: number | undefined): TsbakError {
  const wanted = `bytes up to ${range.offset + range.length} are wanted`;
  return new TsbakError("corrupt", size === undefined ? wanted : `${wanted} of ${size}`);
}

async function readBody(
  { body, headers }: B2Download,
  contents: ResponseBody,
  hash: Hash | undefined,
  onBytes: OnBytes | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    contents.add(piece);
    hash?.update(piece);
    await onBytes?.(piece.length);
  }
  const bytes = contents.finish();
  if (hash !== undefined && hash.digest("hex") !== headers["x-bz-content-sha1"]) {
    throw strange("bytes that do not have the SHA-1 of the file");
  }
  return bytes;
}

/** B2 knows no hash of files that came in parts, and says so by another word. */
function hashFor({ headers }: B2Download, range: ByteRange | undefined): Hash | undefined {
  if (range !== undefined) return undefined;
  return /^[0-9a-f]{40}$/.test(String(headers["x-bz-content-sha1"]))
    ? createHash("sha1")
    : undefined;
}

function strange(what: string): TsbakError {
  return new TsbakError("unavailable", `B2 answered with ${what}`);
}
