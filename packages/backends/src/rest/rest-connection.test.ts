import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as createTcpServer } from "node:net";

import type { FileRef } from "@tsbak/core";
import { listAll } from "@tsbak/core/testing";
import { describe, expect, test } from "vitest";

import { RestAnswers } from "../testing/rest-answers.ts";

const REF: FileRef = { kind: "pack", name: "ab".repeat(32) };
const OTHER = "cd".repeat(32);
const BYTES = new Uint8Array(1000).map((_, at) => at);

const stores = new RestAnswers().register();

describe("a connection", () => {
  test("that is cut in the middle of a response's body is unavailable", async () => {
    const { backend } = await stores.openStore((_, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write(BYTES.subarray(0, 500), () => response.destroy());
    });

    await expect(backend.read(REF)).rejects.toMatchObject({ code: "unavailable" });
    const into = new ArrayBuffer(2000);
    await expect(backend.read(REF, undefined, { into })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  test("that is cut in the middle of a body in chunks is unavailable", async () => {
    const { backend } = await stores.openStore((_, response) => {
      response.write(BYTES.subarray(0, 500), () => response.destroy());
    });

    await expect(backend.read(REF)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that is cut in the middle of a request's body is unavailable", async () => {
    const { backend } = await stores.openStore((request, response) => {
      if (request.method === "HEAD") return void response.writeHead(404).end();
      request.once("data", () => request.destroy());
    });

    const writing = backend.write(REF, new Uint8Array(8 << 20));

    await expect(writing).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that the server closed while it was idle is unavailable at worst, and the next works", async () => {
    const { backend } = await stores.openStore((request, response) => {
      response.writeHead(200, { "content-length": "5" }).end("12345");
      if (request.url?.endsWith(OTHER)) response.once("finish", () => request.socket.destroy());
    });

    await backend.read({ kind: "pack", name: OTHER });
    const second = await backend.read(REF).catch((error: unknown) => error);
    if (!(second instanceof Uint8Array)) expect(second).toMatchObject({ code: "unavailable" });

    expect((await backend.read(REF)).length).toBe(5);
  });

  test("to nobody is unavailable, and names the address without the password", async () => {
    const server = createTcpServer();
    const port = await stores.listen(server);
    server.close();
    const backend = await stores.openAt(port);

    const error = await backend.stat(REF).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "unavailable", cause: { code: "ECONNREFUSED" } });
    expect(String(error)).toContain(`me:***@127.0.0.1:${port}`);
  });

  test("to a server that speaks something else is unavailable", async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("220 mail.example ESMTP\r\n");
    });
    const backend = await stores.openAt(await stores.listen(server));

    await expect(backend.stat(REF)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("is ended at once when its call is aborted, before the response and within it", async () => {
    const closed: Promise<unknown>[] = [];
    const started = new EventTarget();
    const { backend } = await stores.openStore((request, response) => {
      closed.push(once(request.socket, "close"));
      if (request.method === "GET") {
        response.writeHead(200, { "content-length": "1000" });
        response.write(BYTES.subarray(0, 500));
      }
      started.dispatchEvent(new Event("request"));
    });
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => backend.stat(REF, { signal }),
      (signal) => backend.read(REF, undefined, { signal }),
      (signal) => backend.write(REF, new Uint8Array(8 << 20), { signal }),
    ];

    for (const call of calls) {
      const abort = new AbortController();
      started.addEventListener("request", () => abort.abort(), { once: true });
      await expect(call(abort.signal)).rejects.toMatchObject({ code: "interrupted" });
    }

    await Promise.all(closed);
    expect(closed.length).toBe(3);
  });

  test("is used again for the next request", async () => {
    const ports = new Set<number | undefined>();
    const { backend } = await stores.openStore((request, response) => {
      ports.add(request.socket.remotePort);
      request.resume().once("end", () => {
        if (request.method === "HEAD") response.writeHead(404, { "content-length": "0" }).end();
        else if (request.method === "DELETE") response.writeHead(403).end("no");
        else response.writeHead(200, { "content-length": "2" }).end("[]");
      });
    });

    for (let round = 0; round < 3; round++) {
      await backend.write(REF, new Uint8Array(3 << 20));
      await backend.read(REF);
      await listAll(backend, "pack");
      await expect(backend.remove(REF)).rejects.toMatchObject({ code: "denied" });
    }

    expect(ports.size).toBe(1);
  });
});

describe("bytes", () => {
  test("of a part are cut out where the server ignores that it was asked for one", async () => {
    const { backend } = await stores.openStore((_, response) => response.end(BYTES));

    expect(await backend.read(REF, { offset: 10, length: 20 })).toEqual(BYTES.slice(10, 30));
    const beyond = backend.read(REF, { offset: 990, length: 20 });
    await expect(beyond).rejects.toMatchObject({ code: "corrupt" });
  });

  test.each([
    ["bytes 11-30/1000", 20, "unavailable"],
    ["bytes 10-28/1000", 19, "unavailable"],
    ["bytes 10-24/25", 15, "corrupt"],
    ["bytes 10-29/*", 20, undefined],
    ["nonsense", 20, undefined],
  ])("of another part, said to be %s, are refused", async (contentRange, length, code) => {
    const { backend } = await stores.openStore((_, response) => {
      response.writeHead(206, { "content-range": contentRange, "content-length": String(length) });
      response.end(BYTES.subarray(10, 10 + length));
    });

    const reading = backend.read(REF, { offset: 10, length: 20 });

    if (code === undefined) expect(await reading).toEqual(BYTES.slice(10, 30));
    else await expect(reading).rejects.toMatchObject({ code });
  });

  test("come from shared memory, and go to the memory that is lent", async () => {
    let stored = new Uint8Array(0);
    const { backend } = await stores.openStore((request, response) => {
      if (request.method === "GET") return void response.end(stored);
      const pieces: Uint8Array[] = [];
      request.on("data", (piece: Uint8Array) => pieces.push(piece));
      request.on("end", () => {
        if (request.method === "POST") stored = Buffer.concat(pieces);
        response.writeHead(request.method === "HEAD" ? 404 : 200).end();
      });
    });
    const shared = new Uint8Array(new SharedArrayBuffer((3 << 20) + 100), 50, (3 << 20) + 7);
    shared.set(randomBytes(shared.length));

    await backend.write(REF, shared);
    const into = new ArrayBuffer(4 << 20);
    const read = await backend.read(REF, undefined, { into });

    expect(Buffer.compare(read, shared)).toBe(0);
    expect([read.buffer, read.byteOffset]).toEqual([into, 0]);
  });
});

test("The pieces of a body are reported as they go, and the last is waited for too", async () => {
  const bytes = randomBytes(1_000_000);
  const { backend } = await stores.openStore((request, response) => {
    if (request.method === "GET") return void response.end(bytes);
    request
      .resume()
      .once("end", () => response.writeHead(request.method === "HEAD" ? 404 : 200).end());
  });
  let underWay = 0;
  let pieces: number[] = [];
  const onBytes = async (count: number): Promise<void> => {
    expect(underWay++).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
    pieces.push(count);
  };
  const sumOf = async (call: Promise<unknown>): Promise<number> => {
    pieces = [];
    await call;
    expect([underWay, Math.max(...pieces) <= 64 << 10]).toEqual([0, true]);
    return pieces.reduce((sum, count) => sum + count, 0);
  };

  for (let round = 0; round < 10; round++) {
    expect(await sumOf(backend.write(REF, bytes, { onBytes }))).toBe(bytes.length);
    expect(await sumOf(backend.read(REF, undefined, { onBytes }))).toBe(bytes.length);
  }
});
