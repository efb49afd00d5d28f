import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type { SecureContext } from "node:tls";

import { throwIfAborted } from "@tsbak/core";

import { connectionError } from "./connection-error.ts";
import { http, https } from "./node-http.ts";
import { throughProxy, type HttpProxy } from "./proxy.ts";
import { readBody } from "./read-body.ts";
import { contentLength, ResponseBody } from "./response-body.ts";
import { sendBody } from "./send-body.ts";
import type { HttpRequest, HttpResponse, HttpTransport } from "./transport.ts";
import { SHARED_READING } from "./shared-reading.ts";
import { TunnelAgent } from "./tunnel-agent.ts";

/** Where a server listens. */
export type HttpAddress =
  | {
      readonly host: string;
      readonly port: number;
      readonly tls?: TlsClient | undefined;
      readonly proxy?: HttpProxy | undefined;
    }
  | { readonly socketPath: string };

/** How a server proves who it is, and the client too. */
export interface TlsClient {
  readonly secureContext: SecureContext;
  readonly isInsecure: boolean;
}

/** More of the text of a refusal is not worth keeping a connection for. */
const LONGEST_REFUSAL = 64 << 10;
const TCP_PROBE_MS = 60_000;

/** HTTP/1.1 over connections that are kept and used again. */
export class SocketTransport implements HttpTransport {
  readonly #address: HttpAddress;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;
  readonly #open: typeof http.request;

  /**
   * @param headers Sent with every request.
   * @param connections How many are kept open while they are idle.
   */
  constructor(
    address: HttpAddress,
    headers: Readonly<Record<string, string>>,
    connections: number,
  ) {
    const keeping = {
      ...SHARED_READING,
      keepAlive: true,
      keepAliveMsecs: TCP_PROBE_MS,
      maxFreeSockets: connections,
    };
    this.#address = address;
    this.#headers = headers;
    if ("tls" in address && address.tls !== undefined) {
      const { secureContext, isInsecure } = address.tls;
      const options = { ...keeping, secureContext, rejectUnauthorized: !isInsecure };
      this.#agent = address.proxy
        ? new TunnelAgent(address.proxy, options)
        : new https.Agent(options);
      this.#open = https.request;
    } else {
      this.#agent = new http.Agent(keeping);
      this.#open = http.request;
    }
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    throwIfAborted(request.signal);
    const { method, path, body } = request;
    const length = method === "POST" ? { "content-length": String(body?.length ?? 0) } : {};
    const outgoing = this.#open({
      agent: this.#agent,
      method,
      ...this.#place(path, { ...this.#headers, ...request.headers, ...length }),
    });
    return await exchange(outgoing, request);
  }

  async close(): Promise<void> {
    this.#agent.destroy();
  }

  #place(path: string, headers: Readonly<Record<string, string>>): RequestOptions {
    const address = this.#address;
    if ("socketPath" in address)
      return { socketPath: address.socketPath, host: "localhost", path, headers };
    const { host, port, tls, proxy } = address;
    if (proxy === undefined || tls !== undefined) return { host, port, path, headers };
    return throughProxy({ host, port, path, headers }, proxy);
  }
}

function exchange(outgoing: ClientRequest, request: HttpRequest): Promise<HttpResponse> {
  const { signal } = request;
  return new Promise<HttpResponse>((resolve, reject) => {
    const fail = (error: unknown): void => {
      // The listener stays for what an ended request may still say.
      outgoing.destroy();
      reject(connectionError(error));
    };
    const stop = (): void => {
      try {
        throwIfAborted(signal);
      } catch (error) {
        fail(error);
      }
    };
    outgoing.on("error", fail);
    outgoing.once("response", (incoming) => {
      void receive(outgoing, incoming, request).then(resolve, fail);
    });
    outgoing.once("close", () => signal?.removeEventListener("abort", stop));
    signal?.addEventListener("abort", stop, { once: true });
    sendBody(outgoing, request.body, request.onBytes);
  });
}

async function receive(
  outgoing: ClientRequest,
  incoming: IncomingMessage,
  { method, into, onBytes }: HttpRequest,
): Promise<HttpResponse> {
  const { statusCode: status = 0, headers } = incoming;
  if (status < 200 || status > 299) {
    await dropRefusal(outgoing, incoming);
    return { status, headers, body: new Uint8Array(0) };
  }
  const length = method === "HEAD" ? 0 : contentLength(headers);
  const body = await readBody(incoming, new ResponseBody(length, into), onBytes);
  await finished(outgoing);
  return { status, headers, body };
}

/**
 * Wait for the end of a refusal, so that the connection can be used again; never fails. A server may refuse before it has read
 * the request: then nothing is waited for, as it may end the connection.
 */
function dropRefusal(outgoing: ClientRequest, incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      outgoing.destroy();
      resolve();
    };
    incoming.on("error", end);
    incoming.once("close", end);
    if (!outgoing.writableFinished) return end();
    let received = 0;
    incoming.on("data", (piece: Uint8Array) => {
      received += piece.length;
      if (received > LONGEST_REFUSAL) end();
    });
    incoming.once("end", resolve);
  });
}

/** Wait until the memory of the request's body is no longer used. */
function finished(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    if (outgoing.writableFinished) return resolve();
    outgoing.once("finish", resolve);
    outgoing.once("close", () => reject(new Error("the connection was cut")));
  });
}
