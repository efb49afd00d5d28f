/** The JSON body with which B2 refuses a request; the status is also that of the answer. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** Seconds for the header of that name. */
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  toJson(): string {
    return JSON.stringify({ status: this.status, code: this.code, message: this.message });
  }
}

/** Wrong fields or values in a request. */
export function badRequest(message: string): Refusal {
  return new Refusal(400, "bad_request", message);
}
