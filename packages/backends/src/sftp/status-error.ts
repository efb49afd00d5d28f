import { STATUS } from "./packet.ts";

/** A request that the server answered with a failure. It stays inside this folder: `sftpError` makes a `TsbakError` of it. */
export class StatusError extends Error {
  /** One of `STATUS`, or another of the server's. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "StatusError";
    this.status = status;
  }
}

/** True if the server answered with this status. */
export function hasStatus(error: unknown, name: keyof typeof STATUS): boolean {
  return error instanceof StatusError && error.status === STATUS[name];
}
