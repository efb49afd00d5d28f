import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Server } from "node:net";

import type { Backend } from "@tsbak/core";
import { afterEach } from "vitest";

import { openRest } from "../rest/open-rest.ts";

/** What a server does with a request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Servers that say what a test wants, and stores on them, which the end of the test closes. */
export class RestAnswers {
  readonly #endings: (() => Promise<unknown>)[] = [];

  /** Have them end with each test of the file. */
  register(): this {
    afterEach(async () => {
      for (const end of this.#endings.splice(0).reverse()) await end();
    });
    return this;
  }

  /** The port of a server that is closed after the test. */
  async listen(server: Server): Promise<number> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#endings.push(async () => {
      server.close();
      if ("closeAllConnections" in server) (server.closeAllConnections as () => void)();
    });
    return (server.address() as AddressInfo).port;
  }

  async openAt(port: number): Promise<Backend> {
    const backend = await openRest(`http://me:secret@127.0.0.1:${port}/repo/`, {});
    this.#endings.push(() => backend.close());
    return backend;
  }

  /** A store whose server answers so. What is requested is noted as `METHOD PATH`. */
  async openStore(answer: Answer): Promise<{ backend: Backend; requests: string[] }> {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      answer(request, response);
    });
    return { backend: await this.openAt(await this.listen(server)), requests };
  }
}
