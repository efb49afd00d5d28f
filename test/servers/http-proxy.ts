import {
  Agent,
  createServer,
  request as sendRequest,
  type ClientRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { describeFault, type HttpFault, type ProxiedRequest } from "./http-fault.ts";
import { LateListings } from "./late-listings.ts";

/** How a proxy treats requests. */
export interface HttpProxyOptions {
  /** Port of the server on 127.0.0.1. */
  readonly port: number;
  readonly plan?: ((request: ProxiedRequest) => HttpFault | undefined) | undefined;
  /** Files appear in listings (of REST servers and S3) only so many milliseconds after they were written. */
  readonly listingDelayMs?: number | undefined;
  /** Told of each fault when it happens. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A proxy that runs. */
export interface HttpProxy {
  readonly port: number;
  /** How many requests there were, by method. */
  readonly requests: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Start a proxy in front of a server on this machine that understands HTTP/1.1, counts requests and spoils some of them. */
export async function startHttpProxy(options: HttpProxyOptions): Promise<HttpProxy> {
  const proxy = new SpoilingProxy(options);
  await proxy.start();
  return proxy;
}

class SpoilingProxy implements HttpProxy {
  readonly requests = new Map<string, number>();
  readonly #options: HttpProxyOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #listings: LateListings;
  readonly #server: Server;
  #count = 0;

  constructor(options: HttpProxyOptions) {
    this.#options = options;
    this.#listings = new LateListings(options.listingDelayMs ?? 0);
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) =>
      this.#handle(request, response),
    );
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await closed;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url: path = "/" } = request;
    const asked = { number: ++this.#count, method, path };
    this.requests.set(method, (this.requests.get(method) ?? 0) + 1);
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    const fault = this.#options.plan?.(asked);
    if (fault !== undefined) this.#options.log?.(describeFault(asked, fault));
    if (fault?.type === "stall") return void request.resume();
    if (fault?.type === "answer") return refuse(request, response, fault);
    this.#forward(asked, request, response, fault);
  }

  #forward(
    asked: ProxiedRequest,
    request: IncomingMessage,
    response: ServerResponse,
    fault: HttpFault | undefined,
  ): void {
    const upstream = sendRequest({
      port: this.#options.port,
      host: "127.0.0.1",
      method: asked.method,
      path: asked.path,
      headers: request.rawHeaders,
      agent: this.#agent,
    });
    // Whatever goes wrong at one end, the other sees a connection that was cut.
    upstream.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    upstream.on("response", (answer) => {
      answer.on("error", () => response.destroy());
      if (fault?.type === "lose-answer") {
        // Only when the server has done it.
        answer.on("end", () => response.destroy()).resume();
      } else {
        this.#listings.note(asked, answer.statusCode ?? 0);
        this.#answer(asked, answer, response, fault);
      }
    });
    passBody(request, upstream, response, fault);
  }

  #answer(
    asked: ProxiedRequest,
    answer: IncomingMessage,
    response: ServerResponse,
    fault: HttpFault | undefined,
  ): void {
    const isChanged = fault?.type === "truncate" || fault?.type === "flip";
    if (!isChanged && !this.#listings.isListing(asked, answer)) {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? "", answer.rawHeaders);
      answer.pipe(response);
      return;
    }
    collect(answer, (body) => {
      const listed = this.#listings.filter(asked, answer, body);
      const headers = withLength(answer.rawHeaders, listed, body);
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? "", headers);
      if (fault?.type === "truncate") {
        response.write(listed.subarray(0, Math.floor(listed.length * fault.share)));
        setTimeout(() => response.destroy(), 5);
      } else {
        response.end(fault?.type === "flip" ? flipped(listed, fault.share) : listed);
      }
    });
  }
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  fault: Extract<HttpFault, { type: "answer" }>,
): void {
  const { status, retryAfterSeconds } = fault;
  const answer = (): void => {
    const more =
      retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
    response.writeHead(status, { "content-type": "text/plain", ...more });
    response.end(`${status} by the proxy\n`);
  };
  // A client that still sends would see the answer too late.
  request.on("end", answer).resume();
}

function passBody(
  request: IncomingMessage,
  upstream: ClientRequest,
  response: ServerResponse,
  fault: HttpFault | undefined,
): void {
  if (fault?.type !== "cut-request" && fault?.type !== "flip-request") {
    request.pipe(upstream);
    return;
  }
  collect(request, (body) => {
    if (fault.type === "flip-request") {
      upstream.end(flipped(body, fault.share));
      return;
    }
    upstream.write(body.subarray(0, Math.floor(body.length * fault.share)), () => {
      upstream.destroy();
      response.destroy();
    });
  });
}

function collect(message: IncomingMessage, done: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  message.on("data", (part: Buffer) => parts.push(part));
  message.on("end", () => done(Buffer.concat(parts)));
}

function flipped(body: Buffer, share: number): Buffer {
  const at = Math.floor(body.length * share);
  const copy = Buffer.from(body);
  if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ 0x40;
  return copy;
}

/** The headers, with the length of what the body has become. */
function withLength(headers: readonly string[], body: Buffer, was: Buffer): string[] {
  if (body.length === was.length) return [...headers];
  return headers.map((value, at) =>
    at % 2 === 1 && headers[at - 1]?.toLowerCase() === "content-length"
      ? String(body.length)
      : value,
  );
}
