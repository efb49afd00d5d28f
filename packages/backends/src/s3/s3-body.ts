import { Readable } from "node:stream";

import { isTsbakError, TsbakError } from "@tsbak/core";
import type { ByteRange, ReadOptions } from "@tsbak/core";

import { readBody } from "../http/read-body.ts";
import { ResponseBody } from "../http/response-body.ts";

/** The answer to a request for an object, of which nothing was read yet. */
export interface S3Answer {
  readonly body: unknown;
  /** In bytes; undefined if the server did not say. */
  readonly length: number | undefined;
  /** `bytes 0-9/100`, where the server sends a part only. */
  readonly contentRange: string | undefined;
}

/**
 * Read the body of an answer, into lent memory if it is long enough. A body that ends early fails as `unavailable`, whether the
 * connection was cut or not.
 *
 * @throws {TsbakError} `corrupt` if the object ends before the range does; `unsupported` if the server takes no ranges.
 */
export async function readAnswer(
  answer: S3Answer,
  range: ByteRange | undefined,
  { into, onBytes }: Pick<ReadOptions, "into" | "onBytes"> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { body } = answer;
  if (!(body instanceof Readable)) throw unreadable("it has no body");
  try {
    const contents = new ResponseBody(lengthToRead(answer, range), into);
    return await receive(body, contents, onBytes);
  } catch (error) {
    // What is left unread would keep the connection busy.
    body.destroy();
    throw error;
  }
}

/** End an answer of which nothing is wanted. */
export function discardBody(body: unknown): void {
  if (body instanceof Readable) body.destroy();
}

function lengthToRead(answer: S3Answer, range: ByteRange | undefined): number {
  const { length, contentRange } = answer;
  if (length === undefined) throw unreadable("it does not say how long it is");
  if (range === undefined || length === range.length) return length;
  if (contentRange === undefined) {
    throw new TsbakError("unsupported", "the store sends whole files where parts are asked for");
  }
  const total = Number(/\/(\d+)$/.exec(contentRange)?.[1] ?? NaN);
  if (total < range.offset + range.length) {
    throw new TsbakError(
      "corrupt",
      `bytes up to ${range.offset + range.length} are wanted of ${total}`,
    );
  }
  throw unreadable(`it has ${length} bytes where ${range.length} are wanted`);
}

async function receive(
  body: Readable,
  contents: ResponseBody,
  onBytes: ReadOptions["onBytes"],
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readBody(body, contents, onBytes);
  } catch (error) {
    if (isTsbakError(error) && error.code === "unavailable") throw unreadable(error.message);
    throw error;
  }
}

function unreadable(what: string): TsbakError {
  return new TsbakError("unavailable", `the answer cannot be read: ${what}`);
}
