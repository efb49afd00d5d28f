import { retryAfterMs } from "../http/retry-after.ts";

/** What can be known of a failed request. Nothing here is a secret. */
export interface S3Failure {
  /** The code in the server's answer, or the class of an error of this machine; may be empty. */
  readonly name: string;
  readonly message: string;
  /** Of the answer; undefined if there was none. */
  readonly status: number | undefined;
  /** Where the server says that the bucket is. */
  readonly region: string | undefined;
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** By how much this machine's clock is behind the server's; negative if it is ahead. */
  readonly clockBehindSeconds: number | undefined;
}

/** The longest of a server's sentences that is passed on. */
const LONGEST_MESSAGE = 300;
/** What the SDK says where the server said nothing. */
const NOTHING = new Set(["Error", "UnknownError", "Unknown"]);

/** Take apart what the SDK threw. */
export function readFailure(error: unknown): S3Failure {
  const headers = objectOf(objectOf(error, "$response"), "headers");
  const fields = objectOf(error);
  const name = textOf(fields, "Code") ?? textOf(fields, "name") ?? "";
  const date = Date.parse(textOf(headers, "date") ?? "");
  return {
    name: NOTHING.has(name) ? "" : name,
    message: cleanMessage(error),
    status: statusOf(error),
    region: textOf(headers, "x-amz-bucket-region") ?? textOf(fields, "Region"),
    retryAfterMs: retryAfterMs({ "retry-after": textOf(headers, "retry-after") }),
    clockBehindSeconds: Number.isNaN(date) ? undefined : Math.round((date - Date.now()) / 1000),
  };
}

function statusOf(error: unknown): number | undefined {
  const known = [
    objectOf(error, "$response").statusCode,
    objectOf(error, "$metadata").httpStatusCode,
  ];
  return known.find((status): status is number => typeof status === "number");
}

/** One line, of which nothing can play tricks with a terminal. */
function cleanMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (NOTHING.has(text)) return "";
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim()
    .slice(0, LONGEST_MESSAGE);
}

function objectOf(value: unknown, name?: string): Readonly<Record<string, unknown>> {
  const found = name === undefined ? value : objectOf(value)[name];
  return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
}

function textOf(object: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = object[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
