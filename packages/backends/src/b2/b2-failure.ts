import { retryAfterMs } from "../http/retry-after.ts";
import type { HttpHeaders } from "../http/transport.ts";

/** Why a request to B2 failed, without what it was made of: its headers hold tokens. */
export class B2Failure extends Error {
  /** Of the answer; undefined if none came. */
  readonly status: number | undefined;
  /** B2's short word, such as `expired_auth_token`; without an answer, Node's, such as `ECONNRESET`. Empty if there is none. */
  readonly code: string;
  /** How long B2 wants to be left alone. Whoever repeats calls looks for it here. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    facts: {
      readonly status?: number | undefined;
      readonly code?: string | undefined;
      readonly retryAfterMs?: number | undefined;
    },
  ) {
    super(message);
    this.name = "B2Failure";
    this.status = facts.status;
    this.code = facts.code ?? "";
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** True if the token of the request is good no longer, or if B2 did not say what was wrong with it, as in answers to HEAD. */
export function isExpired(error: unknown): boolean {
  if (!(error instanceof B2Failure) || error.status !== 401) return false;
  return ["", "expired_auth_token", "bad_auth_token"].includes(error.code);
}

/** The part of an axios error that is looked at. */
interface RequestError extends Error {
  readonly code?: string;
  readonly response?: {
    readonly status: number;
    readonly data: unknown;
    readonly headers: HttpHeaders;
  };
}

const LONGEST_ANSWER = 65_536;

/** What is worth knowing of an error of the package. */
export async function failureOf(error: unknown): Promise<B2Failure> {
  if (error instanceof B2Failure) return error;
  if (!(error instanceof Error)) return new B2Failure(String(error), {});
  const { code, response } = error as RequestError;
  if (response === undefined) return new B2Failure(error.message || (code ?? ""), { code });
  const body = asRecord(await jsonOf(response.data));
  const said = typeof body.message === "string" ? harmless(body.message) : "";
  return new B2Failure(said || `status ${response.status}`, {
    status: response.status,
    code: typeof body.code === "string" ? body.code.replaceAll(/[^a-z_]/gi, "") : "",
    retryAfterMs: retryAfterMs(response.headers),
  });
}

/** An object to look for fields in; empty for anything else. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** B2 repeats tokens in some of its messages, and a stranger's server could say anything to a terminal. */
function harmless(message: string): string {
  return message
    .replaceAll(/[^\x20-\x7e]/g, "?")
    .replaceAll(/[\w+/=-]{20,}/g, "***")
    .slice(0, 200);
}

async function jsonOf(data: unknown): Promise<unknown> {
  try {
    if (isStream(data)) return JSON.parse(await textOf(data));
    return typeof data === "string" ? JSON.parse(data) : data;
  } catch {
    // A proxy's page, or nothing: the status must do.
    return undefined;
  }
}

function isStream(data: unknown): data is AsyncIterable<Uint8Array> {
  return typeof data === "object" && data !== null && Symbol.asyncIterator in data;
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of stream) {
    pieces.push(piece);
    length += piece.length;
    if (length > LONGEST_ANSWER) break;
  }
  return Buffer.concat(pieces).toString();
}
