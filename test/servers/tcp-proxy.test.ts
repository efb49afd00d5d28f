import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from "./tcp-proxy.ts";

/** Sends back what it gets. */
let echo: Server;
let proxies: TcpProxy[];

beforeEach(async () => {
  proxies = [];
  echo = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  for (const proxy of proxies) await proxy.stop();
  await new Promise((resolve) => echo.close(resolve));
});

async function start(options: Omit<TcpProxyOptions, "port"> = {}): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ ...options, port: (echo.address() as AddressInfo).port });
  proxies.push(proxy);
  return proxy;
}

async function open({ port }: TcpProxy): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

/** What comes back until the connection ends, and how it ended. */
async function talk(proxy: TcpProxy, bytes: Buffer): Promise<{ got: Buffer; error: string }> {
  const socket = await open(proxy);
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  let error = "";
  socket.on("error", (reason: NodeJS.ErrnoException) => (error = reason.code ?? "unknown"));
  socket.end(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
  return { got: Buffer.concat(parts), error };
}

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at & 255));

test("a proxy without faults passes everything on, and the end", async () => {
  const { got, error } = await talk(await start(), BYTES);

  expect([got.equals(BYTES), error]).toEqual([true, ""]);
});

test("a long line delays every byte and keeps their order", async () => {
  const proxy = await start({ delayMs: 40 });
  const started = performance.now();

  const { got } = await talk(proxy, BYTES);

  // A round trip for the connection, and one for the bytes.
  expect(performance.now() - started).toBeGreaterThanOrEqual(4 * 40 - 5);
  expect(got.equals(BYTES)).toBe(true);
});

test("a long line is no narrower: what is sent at once comes at once", async () => {
  const socket = await open(await start({ delayMs: 100 }));
  const started = performance.now();
  let length = 0;
  for (let piece = 0; piece < 50; piece++) socket.write(BYTES);
  for await (const part of socket) if ((length += part.length) === 50 * BYTES.length) break;

  // One by one it would be ten seconds.
  expect(performance.now() - started).toBeLessThan(4000);
});

test("a connection is cut after so many bytes of both directions", async () => {
  const lines: string[] = [];
  const plan = (): { type: "cut"; afterBytes: number } => ({ type: "cut", afterBytes: 1000 });
  const proxy = await start({ plan, log: (line) => lines.push(line) });

  const { got, error } = await talk(proxy, BYTES);

  expect(error).toBe("ECONNRESET");
  expect(got.length).toBeLessThan(1000);
  expect(lines).toEqual(["connection 1: cut after 1000 bytes"]);
});

test("a proxy tells when so many bytes have come in", async () => {
  const proxy = await start();
  const carried = [proxy.carried(1), proxy.carried(2 * BYTES.length)];

  await talk(proxy, BYTES);
  await Promise.all(carried);

  await proxy.carried(10);
});

test("a stalled connection stays, and is silent", async () => {
  const proxy = await start({ plan: () => ({ type: "stall", afterBytes: 0 }) });
  const socket = await open(proxy);
  let isSilent = true;
  socket.on("data", () => (isSilent = false)).on("close", () => (isSilent = false));
  socket.on("error", () => undefined);
  socket.write("anybody there?");

  await new Promise((resolve) => setTimeout(resolve, 100));

  expect(isSilent).toBe(true);
});

test("a proxy that is down refuses and resets, and comes back on its port", async () => {
  const proxy = await start();
  const socket = await open(proxy);
  const failed = once(socket, "error");

  await proxy.goDown();
  expect((await failed)[0]).toMatchObject({ code: "ECONNRESET" });
  await expect(open(proxy)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  const { port } = proxy;
  await proxy.comeBack();

  expect(proxy.port).toBe(port);
  expect((await talk(proxy, BYTES)).got.equals(BYTES)).toBe(true);
  expect(proxy.connections).toBe(2);
});
