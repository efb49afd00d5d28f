import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:http2";
import type { ClientHttp2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";

import { afterEach, expect, test } from "vitest";

import { exchangeOverHttp2 } from "./http2-exchange.ts";
import type { HttpRequest } from "./transport.ts";

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

const MIB = 1 << 20;
const GET: HttpRequest = { method: "GET", path: "/file" };

let lastConnection: Socket | undefined;
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

/** A session with a server that answers so. */
async function openSession(answer: Answer): Promise<ClientHttp2Session> {
  const server = createServer();
  server.on("connection", (socket) => (lastConnection = socket));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  server.on("session", (session) => endings.push(() => session.destroy()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on("error", () => undefined);
  endings.push(
    () => session.destroy(),
    () => server.close(),
  );
  return session;
}

test("exchangeOverHttp2() sends and receives bodies, from shared memory and to lent memory", async () => {
  const session = await openSession((stream, headers) => {
    stream.respond({ ":status": 200, "content-length": headers["content-length"] });
    stream.pipe(stream);
  });
  const body = new Uint8Array(new SharedArrayBuffer(3 * MIB + 7), 7);
  body.set(randomBytes(body.length));

  for (const into of [undefined, new ArrayBuffer(4 * MIB)]) {
    const request = { method: "POST", path: "/echo", body, into } as const;
    const [first, second] = await Promise.all([
      exchangeOverHttp2(session, { ...request, into: undefined }),
      exchangeOverHttp2(session, request),
    ]);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(Buffer.compare(first.body, body)).toBe(0);
    expect(Buffer.compare(second.body, body)).toBe(0);
    if (into !== undefined) expect(second.body.buffer).toBe(into);
    expect(first.body.buffer.byteLength).toBe(body.length);
  }
});

test("exchangeOverHttp2() finds a body incomplete, with and without its length, however it ended", async () => {
  for (const headers of [{ "content-length": "1000" }, {}]) {
    for (const end of [
      (stream: ServerHttp2Stream) => stream.destroy(new Error("no more")),
      (stream: ServerHttp2Stream) => stream.session?.destroy(),
      () => lastConnection?.destroy(),
    ]) {
      const session = await openSession((stream) => {
        stream.respond({ ":status": 200, ...headers });
        stream.write(Buffer.alloc(500), () => end(stream));
      });

      await expect(exchangeOverHttp2(session, GET)).rejects.toThrow();
    }
  }
  const short = await openSession((stream) => {
    stream.respond({ ":status": 200, "content-length": "1000" });
    stream.end(Buffer.alloc(500));
  });
  await expect(exchangeOverHttp2(short, GET)).rejects.toThrow();
});

test("exchangeOverHttp2() fails if the connection is cut in the middle of a request", async () => {
  const session = await openSession((stream) => {
    stream.once("data", () => lastConnection?.destroy());
  });
  const body = new Uint8Array(8 * MIB);

  await expect(exchangeOverHttp2(session, { method: "POST", path: "/", body })).rejects.toThrow();
});

test("exchangeOverHttp2() sees a refusal that comes before the request is read, and the session stays good", async () => {
  const session = await openSession((stream, headers) => {
    if (headers[":method"] === "POST") stream.respond({ ":status": 507 }, { endStream: true });
    else stream.respond({ ":status": 404, "retry-after": "5" }, { endStream: true });
  });
  const body = new Uint8Array(8 * MIB);

  const refusal = await exchangeOverHttp2(session, { method: "POST", path: "/", body });
  expect([refusal.status, refusal.body.length]).toEqual([507, 0]);
  const next = await exchangeOverHttp2(session, { method: "HEAD", path: "/" });
  expect([next.status, next.headers["retry-after"]]).toEqual([404, "5"]);
});

test("exchangeOverHttp2() ends at once when it is aborted, alone of those under way", async () => {
  const closed: Promise<unknown>[] = [];
  const arrived = new EventTarget();
  const session = await openSession((stream, headers) => {
    if (headers[":path"] === "/other") {
      arrived.addEventListener("release", () =>
        stream.respond({ ":status": 200 }, { endStream: true }),
      );
      return;
    }
    closed.push(once(stream, "close"));
    if (headers[":method"] === "GET") {
      stream.respond({ ":status": 200, "content-length": "1000" });
      stream.write(Buffer.alloc(500));
    }
    arrived.dispatchEvent(new Event("request"));
  });
  const other = exchangeOverHttp2(session, { method: "GET", path: "/other" });

  for (const request of [
    GET,
    { method: "POST", path: "/", body: new Uint8Array(8 * MIB) } as const,
  ]) {
    const abort = new AbortController();
    arrived.addEventListener("request", () => abort.abort(), { once: true });
    const { signal } = abort;
    await expect(exchangeOverHttp2(session, { ...request, signal })).rejects.toMatchObject({
      code: "interrupted",
    });
  }
  await Promise.all(closed);
  arrived.dispatchEvent(new Event("release"));

  expect((await other).status).toBe(200);
});
