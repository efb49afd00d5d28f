import * as http from "node:http";

import type { Backend } from "@tsbak/core";
import { afterEach, beforeEach } from "vitest";

import { openS3 } from "../s3/open-s3.ts";
import type { BackendSettings } from "../settings.ts";

/** A request as it arrived. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Nothing, with status 200, unless said otherwise. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Cut the connection after the body. */
  readonly isCut?: boolean;
}

/** What stores are opened with unless a test says otherwise. */
export const KEYS: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: "AKID",
  AWS_SECRET_ACCESS_KEY: "the-secret",
};

/** A server for S3 that says what each test wants, and the stores that are opened on it. */
export class S3Answers {
  /** What the test's requests were. */
  seen: Seen[] = [];
  /** What the server says to each request. */
  answer: (request: Seen) => Answer = () => ({});
  #server: http.Server | undefined;
  readonly #opened: Backend[] = [];

  /** Have it start and stop with each test of the file. */
  register(): this {
    beforeEach(async () => {
      this.seen = [];
      this.answer = () => ({});
      const server = http.createServer((request, response) => this.#take(request, response));
      this.#server = server;
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    });
    afterEach(async () => {
      for (const backend of this.#opened.splice(0)) await backend.close?.();
      await this.stop();
    });
    return this;
  }

  /** From now on nobody answers, and whoever was connected has learned of it. */
  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server?.close(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }

  get port(): number {
    const address = this.#server?.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async open(settings: BackendSettings = {}): Promise<Backend> {
    const rest = `http://127.0.0.1:${this.port}/bucket/prefix`;
    return this.own(await openS3(rest, { environment: KEYS, ...settings }));
  }

  /** Close a store at the end of the test. */
  own(backend: Backend): Backend {
    this.#opened.push(backend);
    return backend;
  }

  #take(request: http.IncomingMessage, response: http.ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks) };
      this.seen.push(one);
      const { status = 200, headers: more = {}, body = "", isCut = false } = this.answer(one);
      const length = { "content-length": Buffer.byteLength(body) };
      response.writeHead(status, { ...length, ...more });
      if (isCut) response.write(body, () => response.destroy());
      else response.end(body);
    });
  }
}

/** An error as S3 says it. `more` is XML beside code and message. */
export function refusal(status: number, code: string, more = ""): Answer {
  return { status, body: `<Error><Code>${code}</Code><Message>No.</Message>${more}</Error>` };
}
