/**
 * What a store over HTTP needs of HTTP: one request with a body in memory, one response in memory. Whether that goes over
 * a socket or the input and output of a program is the transport's affair.
 *
 * @module
 */

import type { OnBytes } from "@tsbak/core";

/** One request. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "DELETE";
  /** From the server's root, escaped as it goes over the wire, with the query if there is one: `/repo/keys/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Borrowed until the call has ended, and may lie in shared memory. */
  readonly body?: Uint8Array | undefined;
  /** Memory lent for the body of the response, used if it is long enough. */
  readonly into?: ArrayBuffer | undefined;
  /** Called for each piece of either body. */
  readonly onBytes?: OnBytes | undefined;
  /** Ends the request at once when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Names are in lower case. */
export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One response. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** All of it; empty for a status that is no success. A view of the memory that was lent, or it owns its whole ArrayBuffer. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A way to a server. Requests may run at once. */
export interface HttpTransport {
  /**
   * Any status is a result; redirects are not followed.
   *
   * @throws {TsbakError} `unavailable` if there was no response, or less of it than was announced.
   * @throws {TsbakError} `denied` if one side does not trust the other.
   * @throws {TsbakError} `interrupted` if the signal is aborted.
   */
  request(request: HttpRequest): Promise<HttpResponse>;

  /** End all connections. */
  close(): Promise<void>;
}

/** The value of a header of which there is one. */
export function headerOf(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}
