import { once } from "node:events";
import { Agent } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";

import { expect, test, vi } from "vitest";

import { connectEarly } from "./early-connections.ts";

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
