import { TsbakError } from "@tsbak/core";
import type { ByteRange } from "@tsbak/core";

import { headerOf } from "../http/transport.ts";
import type { HttpResponse } from "../http/transport.ts";

/**
 * The bytes that were wanted, from a response of status 200 or 206. A server may give the whole file where a part was asked for.
 *
 * @throws {TsbakError} `corrupt` if the file ends before them.
 * @throws {TsbakError} `unavailable` if the response is of other bytes.
 */
export function rangeOf(
  response: HttpResponse,
  range: ByteRange | undefined,
  action: string,
): Uint8Array<ArrayBuffer> {
  const { status, body, headers } = response;
  if (range === undefined) {
    if (status === 200) return body;
    throw new TsbakError("unavailable", `${action}: the server sent only a part`);
  }
  const end = range.offset + range.length;
  if (status === 200) {
    if (body.length < end) throw endsTooEarly(action, end, body.length);
    return body.slice(range.offset, end);
  }
  const sent = parseContentRange(headerOf(headers, "content-range"));
  const size = sent?.size;
  if (size !== undefined && size < end) throw endsTooEarly(action, end, size);
  if (body.length === range.length && (sent?.start ?? range.offset) === range.offset) return body;
  throw new TsbakError("unavailable", `${action}: the server sent other bytes than were wanted`);
}

/** `bytes START-END/SIZE` (RFC 9110, section 14.4). */
function parseContentRange(
  text: string | undefined,
): { readonly start: number; readonly size: number | undefined } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(text ?? "");
  if (match === null) return undefined;
  return { start: Number(match[1]), size: match[2] === "*" ? undefined : Number(match[2]) };
}

function endsTooEarly(action: string, wanted: number, size: number): TsbakError {
  return new TsbakError("corrupt", `${action}: ${wanted} bytes are wanted of ${size}`);
}
