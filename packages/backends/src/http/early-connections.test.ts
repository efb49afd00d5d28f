import { once } from "node:events";
import { Agent, createServer as createHttpServer, get } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";

import { expect, onTestFinished, test, vi } from "vitest";

import { connectEarly } from "./early-connections.ts";

/** A server that says over which of its connections a request came, counted from 1. */
async function serve(): Promise<{ readonly port: number; readonly sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createHttpServer((request, response) => {
    response.end(String([...sockets].indexOf(request.socket) + 1));
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

function ask(agent: Agent, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ agent, host: "127.0.0.1", port });
    request.on("error", reject);
    request.on(
      "response",
      (response) => void response.toArray().then((all) => resolve(all.join(""))),
    );
  });
}

test("The first connections that an agent wants are the early ones", async () => {
  const { port, sockets } = await serve();
  const agent = new Agent({ keepAlive: true });
  await connectEarly(agent, { host: "127.0.0.1", port }, 2);
  await vi.waitFor(() => expect(sockets.size).toBe(2));

  const answers = await Promise.all([ask(agent, port), ask(agent, port), ask(agent, port)]);

  expect(answers.toSorted()).toEqual(["1", "2", "3"]);
  agent.destroy();
});

test("Early connections that the server has ended are not used", async () => {
  const { port, sockets } = await serve();
  const agent = new Agent({ keepAlive: true });
  await connectEarly(agent, { host: "127.0.0.1", port }, 2);
  await vi.waitFor(() => expect(sockets.size).toBe(2));
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 20));

  expect(await ask(agent, port)).toBe("3");
  agent.destroy();
});

test("Where nobody listens, the request tells of it and not the early connection", async () => {
  const agent = new Agent();
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, "close");

  await connectEarly(agent, { host: "127.0.0.1", port }, 2);
  await new Promise((resolve) => setTimeout(resolve, 20));

  await expect(ask(agent, port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("Early connections that nobody wanted end with their agent", async () => {
  // They would be given up after a while.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.resume())).listen(0, "127.0.0.1");
  await once(server, "listening");
  const agent = new Agent();
  const { port } = server.address() as AddressInfo;
  await connectEarly(agent, { host: "127.0.0.1", port }, 2);
  while (sockets.length < 2) await once(server, "connection");

  agent.destroy();
  server.close();
  await once(server, "close");

  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  vi.useRealTimers();
});
