import type { IncomingMessage, ServerResponse } from "node:http";

import type { Failure } from "./faults.ts";
import { badRequest, Refusal } from "./refusal.ts";

/** One request and the answer to it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export function sendJson({ response }: Exchange, value: unknown): void {
  response.writeHead(200, { "Content-Type": "application/json;charset=utf-8" });
  response.end(JSON.stringify(value));
}

/** Answer with a refusal; anything else that was thrown is a bug of this server, answered as such. */
export function sendRefusal({ request, response }: Exchange, error: unknown): void {
  if (response.destroyed || response.writableEnded) return;
  const refusal =
    error instanceof Refusal ? error : new Refusal(500, "internal_error", String(error));
  const body = refusal.toJson();
  response.writeHead(refusal.status, {
    "Content-Type": "application/json;charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
    ...(refusal.retryAfter === undefined ? {} : { "Retry-After": String(refusal.retryAfter) }),
    // What of the body is still to come is not read.
    ...(request.complete ? {} : { Connection: "close" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/**
 * The whole body of a request.
 *
 * @throws {Refusal} If the connection ends before it has all come.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const length = request.headers["content-length"];
  if (length !== undefined && Number(length) !== body.length) throw badRequest("short body");
  return body;
}

/** The fields of a JSON request, of its query where it is a GET. */
export async function readFields(exchange: Exchange): Promise<Record<string, unknown>> {
  const body = await readBody(exchange.request);
  if (body.length === 0) return Object.fromEntries(exchange.query);
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    throw badRequest("The body is no JSON");
  }
}

/** @throws {Refusal} Unless it is a string that is not empty. */
export function textField(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== "string" || value === "") throw badRequest(`required field ${name}`);
  return value;
}

/**
 * Let a request fail that was not carried out. True if the connection is gone, or nothing is to be answered.
 *
 * @throws {Refusal} If it fails with an answer.
 */
export async function failBefore(exchange: Exchange, failure: Failure): Promise<boolean> {
  if (failure === "silence") return true;
  if (typeof failure === "string") return false;
  if ("status" in failure) {
    const { status, code, retryAfter, early } = failure;
    if (early !== true) await readBody(exchange.request);
    throw new Refusal(status, code, "As the test wanted", retryAfter);
  }
  let received = 0;
  for await (const chunk of exchange.request) {
    received += (chunk as Buffer).length;
    if (received >= failure.resetAfter) break;
  }
  reset(exchange);
  return true;
}

export function reset({ request }: Exchange): void {
  request.socket.resetAndDestroy();
}

/** The value of a header; undefined if it came twice. */
export function headerOf({ request }: Exchange, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** Percent-encoded UTF-8 as it stands in headers and paths, where a plus is a space. */
export function decodeName(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw badRequest("Bad percent-encoding");
  }
}
