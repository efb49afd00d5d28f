import { connect, createServer, type Socket } from "node:net";

/** What lies between a client and a server, and stops in the middle. */
export interface CuttingProxy {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** Resolves when it has stopped for the first time. */
  readonly stopped: Promise<void>;
  close(): Promise<void>;
}

/** When and how a proxy stops a connection. */
export interface Cut {
  /** After so many bytes from the client. */
  readonly up?: number | undefined;
  /** After so many bytes from the server. */
  readonly down?: number | undefined;
  /** End the connection, or pass on nothing more and leave it open. */
  readonly how: "cut" | "stall";
}

/** Pass on what goes between clients and `endpoint`, up to a place in each connection. */
export async function startCuttingProxy(endpoint: string, cut: Cut): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let tellStopped = (): void => undefined;
  const stopped = new Promise<void>((resolve) => (tellStopped = resolve));
  const { hostname, port } = new URL(endpoint);
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        client.destroy();
        server.destroy();
      });
    }
    const pass = (from: Socket, to: Socket, limit = Infinity): void => {
      let passed = 0;
      from.on("data", (bytes) => {
        to.write(bytes.subarray(0, Math.max(0, limit - passed)));
        passed += bytes.length;
        if (passed < limit) return;
        from.pause();
        tellStopped();
        if (cut.how === "cut") to.end(() => from.destroy());
      });
    };
    pass(client, server, cut.up);
    pass(server, client, cut.down);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("There is no free port");
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  };
  return { endpoint: `http://127.0.0.1:${address.port}`, stopped, close };
}
