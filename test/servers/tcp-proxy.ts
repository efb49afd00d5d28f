import { createServer, connect, type Server, type Socket } from "node:net";
import { DelayLine } from "./delay-line.ts";
import { ReusedBuffers } from "./reused-buffers.ts";

/** What happens to a connection; the bytes of both directions count together. */
export type ConnectionFault =
  /** It is reset. With 0 bytes, as soon as it is made. */
  | { readonly type: "cut"; readonly afterBytes: number }
  /** It stays, and nothing more goes through it. */
  | { readonly type: "stall"; readonly afterBytes: number };

/** How a proxy treats what goes through it. */
export interface TcpProxyOptions {
  /** Port of the server on 127.0.0.1. */
  readonly port: number;
  /** Milliseconds added to each direction: half of what is added to a round trip. */
  readonly delayMs?: number | undefined;
  /** What happens to the nth connection, from 1. */
  readonly plan?: ((connection: number) => ConnectionFault | undefined) | undefined;
  /** Told of each fault when it happens. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A proxy that runs. */
export interface TcpProxy {
  readonly port: number;
  /** How many connections were made. */
  readonly connections: number;
  /** Resolves when so many bytes have come in, in both directions together. */
  carried(bytes: number): Promise<void>;
  /** As if the server had stopped: all connections are reset, new ones are refused. */
  goDown(): Promise<void>;
  /** As if it had started again, on the same port. */
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

/** Start a proxy in front of a server on this machine that makes its line long or bad. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const line = new BadLine(options);
  await line.comeBack();
  return line;
}

class BadLine implements TcpProxy {
  readonly #options: TcpProxyOptions;
  readonly #open = new Set<Socket>();
  readonly #buffers = new ReusedBuffers();
  #server: Server | undefined;
  #port = 0;
  #bytes = 0;
  #milestones: { readonly bytes: number; readonly resolve: () => void }[] = [];
  #connections = 0;

  constructor(options: TcpProxyOptions) {
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#connections;
  }

  carried(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#milestones.push({ bytes, resolve });
      this.#count(0);
    });
  }

  async comeBack(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.#connect(client),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("There is no free port");
    this.#port = address.port;
    this.#server = server;
  }

  async goDown(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
    for (const socket of this.#open) cut(socket);
    await closed;
  }

  stop(): Promise<void> {
    return this.goDown();
  }

  #connect(client: Socket): void {
    const number = ++this.#connections;
    const { plan, delayMs = 0 } = this.#options;
    const server = this.#callServer((piece) => down(piece));
    const sockets = [client, server];
    for (const socket of sockets) {
      this.#open.add(socket);
      socket.on("error", () => sockets.forEach(cut));
      socket.on("close", () => this.#open.delete(socket));
    }
    // A connection over a long line is there only after a round trip.
    const readyAt = performance.now() + 2 * delayMs;
    const count = this.#damage(number, sockets, plan?.(number));
    const passTo = (line: DelayLine) => (piece: Buffer) => {
      this.#count(piece.length);
      const passed = count(piece);
      if (passed !== undefined) line.carry(passed);
    };
    const up = new DelayLine(client, server, delayMs, { readyAt });
    const back = new DelayLine(server, client, delayMs, {
      onPassed: (piece) => this.#buffers.giveBack(piece),
    });
    const down = passTo(back);
    client.on("data", passTo(up));
    // The end comes after all bytes, so it does not get past a fault that has struck.
    const isWhole = (): boolean => count(Buffer.alloc(0)) !== undefined;
    client.on("end", () => isWhole() && up.carry(undefined));
    server.on("end", () => isWhole() && back.carry(undefined));
  }

  /** Most bytes come from there, so they are read into memory that is used again. */
  #callServer(onPiece: (piece: Buffer) => void): Socket {
    const buffer = (): Buffer => this.#buffers.take();
    const callback = (length: number, { buffer: memory }: Uint8Array): boolean => {
      onPiece(Buffer.from(memory, 0, length));
      return true;
    };
    const { port } = this.#options;
    const options = { port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true };
    return connect({ ...options, onread: { buffer, callback } });
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    for (const milestone of this.#milestones)
      if (this.#bytes >= milestone.bytes) milestone.resolve();
    this.#milestones = this.#milestones.filter((milestone) => this.#bytes < milestone.bytes);
  }

  /** Gives what counts the bytes, and lets through as much as the fault allows. */
  #damage(
    number: number,
    sockets: readonly Socket[],
    fault: ConnectionFault | undefined,
  ): (piece: Buffer) => Buffer | undefined {
    if (fault === undefined) return (piece) => piece;
    let left = fault.afterBytes;
    const strike = (): void => {
      this.#options.log?.(`connection ${number}: ${fault.type} after ${fault.afterBytes} bytes`);
      for (const socket of sockets) {
        if (fault.type === "cut") cut(socket);
        else socket.pause();
      }
    };
    if (left === 0) setImmediate(strike);
    return (piece) => {
      if (left === 0) return undefined;
      const passed = piece.subarray(0, left);
      left -= passed.length;
      // What was let through is to arrive first.
      if (left === 0) setTimeout(strike, 2 * (this.#options.delayMs ?? 0) + 5);
      return passed;
    };
  }
}

/** A reset, unless our end has been sent already: then a socket cannot be reset any more, and trying to would leave it open. */
function cut(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
