/** What happens to a request over HTTP. Shares are of the length of the body, from 0 to below 1. */
export type HttpFault =
  /** The proxy answers itself; the server never hears of the request. */
  | {
      readonly type: "answer";
      readonly status: 429 | 500 | 503;
      readonly retryAfterSeconds?: number | undefined;
    }
  /** The connection is cut when so much of the request has gone to the server. */
  | { readonly type: "cut-request"; readonly share: number }
  /** The server does what it was asked, and the connection is cut before its answer. */
  | { readonly type: "lose-answer" }
  /** The connection is cut in the body of the answer. */
  | { readonly type: "truncate"; readonly share: number }
  /** One byte in the body of the answer is another. */
  | { readonly type: "flip"; readonly share: number }
  /** One byte in the body of the request is another when it reaches the server. */
  | { readonly type: "flip-request"; readonly share: number }
  /** There never is an answer. */
  | { readonly type: "stall" };

/** What a plan is asked about. */
export interface ProxiedRequest {
  /** From 1. */
  readonly number: number;
  readonly method: string;
  /** With the query. */
  readonly path: string;
}

/** One line for the log. */
export function describeFault({ number, method, path }: ProxiedRequest, fault: HttpFault): string {
  const { type, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) =>
    name === "share" ? Number(value).toFixed(3) : `${name === "status" ? "" : `${name} `}${value}`,
  );
  return `request ${number} ${method} ${path}: ${[type, ...details].join(" ")}`;
}
