import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

import { afterEach, expect, test } from "vitest";

import { http } from "./node-http.ts";
import { SHARED_READING } from "./shared-reading.ts";

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

/** A server that gives each of the bodies by its number, some of them in chunks without a length. */
async function serve(bodies: readonly Buffer[]): Promise<number> {
  const server = createServer((request, response) => {
    const at = Number(request.url?.slice(1));
    const body = bodies[at] ?? Buffer.alloc(0);
    if (at % 2 === 0) response.setHeader("content-length", body.length);
    for (let from = 0; from < body.length; from += 100_000)
      response.write(body.subarray(from, from + 100_000));
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test("bodies that wait to be read are not touched by what other connections read meanwhile", async () => {
  const bodies = Array.from({ length: 6 }, (_, at) => randomBytes(1_000_000 + at));
  const port = await serve(bodies);
  const agent = new http.Agent({ keepAlive: true, ...SHARED_READING });
  endings.push(() => agent.destroy());
  const open = async (at: number): Promise<IncomingMessage> => {
    const request = http.get({ host: "127.0.0.1", port, path: `/${at}`, agent });
    return ((await once(request, "response")) as [IncomingMessage])[0];
  };

  for (let turn = 0; turn < 2; turn++) {
    const responses = await Promise.all(bodies.map((_, at) => open(at)));
    await wait(50);
    const read = await Promise.all(responses.map(async (r) => Buffer.concat(await r.toArray())));
    for (const [at, body] of bodies.entries())
      expect(Buffer.compare(read[at] as Buffer, body)).toBe(0);
  }
});
