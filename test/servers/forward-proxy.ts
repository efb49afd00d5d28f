import { createServer, request as sendRequest } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

/** A proxy that runs. */
export interface ForwardProxy {
  readonly port: number;
  /** What it was asked for: `CONNECT store.test:9000`, or a method and a whole URL without its query. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/**
 * A proxy such as companies put before the world, which wants a password. It looks no names up: whatever the host is called,
 * it is this machine.
 */
export async function startForwardProxy(user: string, password: string): Promise<ForwardProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "");
    asked.push(`${request.method} ${url.origin}${url.pathname}`);
    const { "proxy-authorization": shown, ...headers } = request.headers;
    if (shown !== wanted) return void response.writeHead(407).end();
    const { method } = request;
    const place = { host: "127.0.0.1", port: url.port, path: `${url.pathname}${url.search}` };
    const onward = sendRequest({ ...place, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("connect", (request, client: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    if (request.headers["proxy-authorization"] !== wanted)
      return void client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const onward = connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(client).pipe(onward);
    });
    for (const socket of [client, onward])
      socket.on("error", () => [client, onward].forEach((one) => one.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
