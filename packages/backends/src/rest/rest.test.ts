import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";

import type { Backend, FileInfo, FileKind, FileRef, TsbakError } from "@tsbak/core";
import { afterEach, describe, expect, test } from "vitest";

import { openRest } from "./open-rest.ts";

const REF: FileRef = { kind: "pack", name: "ab".repeat(32) };
const OTHER = "cd".repeat(32);
const BYTES = new Uint8Array(1000).map((_, at) => at);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** The port of a server that is closed after the test. */
async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(async () => {
    server.close();
    if ("closeAllConnections" in server) (server.closeAllConnections as () => void)();
  });
  return (server.address() as AddressInfo).port;
}

async function openAt(port: number): Promise<Backend> {
  const backend = await openRest(`http://me:secret@127.0.0.1:${port}/repo/`, {});
  endings.push(() => backend.close());
  return backend;
}

/** A store whose server answers so. What is requested is noted as `METHOD PATH`. */
async function openStore(answer: Answer): Promise<{ backend: Backend; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  return { backend: await openAt(await listen(server)), requests };
}

async function listAll(backend: Backend, kind: FileKind): Promise<FileInfo[]> {
  const files: FileInfo[] = [];
  for await (const file of backend.list(kind)) files.push(file);
  return files;
}

function withStatus(status: number, headers: Record<string, string> = {}): Answer {
  return (request, response) => {
    request.resume();
    response.writeHead(status, headers).end("reason");
  };
}

describe("a listing", () => {
  test("of version 1 of the protocol has names only, and sizes are asked for one by one", async () => {
    const names = Array.from({ length: 12 }, (_, at) => at.toString(16).padStart(64, "0"));
    const { backend, requests } = await openStore((request, response) => {
      const at = names.indexOf((request.url ?? "").slice("/repo/data/".length));
      if (request.method === "HEAD" && at !== 7) {
        response.writeHead(200, { "content-length": String(at * 10) }).end();
      } else if (request.method === "HEAD") {
        response.writeHead(404).end();
      } else {
        expect(request.headers.accept).toBe("application/vnd.x.restic.rest.v2");
        response.setHeader("content-type", "application/vnd.x.restic.rest.v1");
        response.end(JSON.stringify([...names, "README"]));
      }
    });

    const listed = await listAll(backend, "pack");

    // The one that is gone by then is left out.
    const expected = names.map((name, at) => ({ name, size: at * 10 })).filter((_, at) => at !== 7);
    expect(listed).toEqual(expected);
    expect(requests[0]).toBe("GET /repo/data/");
    expect(requests.length).toBe(13);
  });

  test.each([
    "<html>",
    '{"name":"x"}',
    "[1]",
    `[{"name":"${OTHER}"}]`,
    `[{"name":"${OTHER}","size":-1}]`,
  ])("that is %s is refused", async (text) => {
    const { backend } = await openStore((_, response) => response.end(text));

    await expect(listAll(backend, "pack")).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that is not there is empty, but for rclone, which means a failure by it", async () => {
    const { backend } = await openStore(withStatus(404));
    const { backend: ofRclone } = await openStore(withStatus(404, { server: "rclone/v1.75.2" }));

    expect(await listAll(backend, "key")).toEqual([]);
    await expect(listAll(ofRclone, "key")).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a status", () => {
  test.each([
    [400, "unavailable"],
    [401, "denied"],
    [403, "denied"],
    [404, "not-found"],
    [405, "unsupported"],
    [408, "unavailable"],
    [413, "no-space"],
    [416, "corrupt"],
    [429, "unavailable"],
    [500, "unavailable"],
    [501, "unsupported"],
    [503, "unavailable"],
    [507, "no-space"],
  ])("of %i is %s", async (status, code) => {
    const { backend } = await openStore(withStatus(status));

    await expect(backend.read(REF)).rejects.toMatchObject({ code });
    const message = await backend.stat(REF).catch(String);
    expect(message).toMatch(/^TsbakError: Cannot read pack abababab from rest:http:\/\/me:\*\*\*@/);
    expect(message).not.toContain("secret");
  });

  test("of 429 or 503 may say when to come back", async () => {
    const { backend } = await openStore(withStatus(503, { "retry-after": "7" }));

    await expect(backend.read(REF)).rejects.toMatchObject({ cause: { retryAfterMs: 7000 } });
    await expect(backend.write(REF, BYTES)).rejects.toMatchObject({
      cause: { retryAfterMs: 7000 },
    });
  });

  test("of a redirection is an error that says where to, without secrets", async () => {
    const headers = { location: "https://you:hidden@other.example/repo/?token=hidden" };
    const { backend, requests } = await openStore(withStatus(308, headers));

    const error = await backend.read(REF).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(String(error)).toContain("https://other.example");
    expect(String(error)).not.toContain("hidden");
    expect(requests.length).toBe(1);
  });

  test("that refuses a large file is seen, though the server does not read it", async () => {
    const { backend } = await openStore((request, response) => {
      if (request.method === "HEAD") return void response.writeHead(404).end();
      response.writeHead(507, { connection: "close" }).end("full");
    });

    const writing = backend.write(REF, new Uint8Array(32 << 20));

    await expect(writing).rejects.toMatchObject({ code: "no-space" });
  });
});

describe("a connection", () => {
  test("that is cut in the middle of a response's body is unavailable", async () => {
    const { backend } = await openStore((_, response) => {
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
    const { backend } = await openStore((_, response) => {
      response.write(BYTES.subarray(0, 500), () => response.destroy());
    });

    await expect(backend.read(REF)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that is cut in the middle of a request's body is unavailable", async () => {
    const { backend } = await openStore((request, response) => {
      if (request.method === "HEAD") return void response.writeHead(404).end();
      request.once("data", () => request.destroy());
    });

    const writing = backend.write(REF, new Uint8Array(8 << 20));

    await expect(writing).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that the server closed while it was idle is unavailable at worst, and the next works", async () => {
    const { backend } = await openStore((request, response) => {
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
    const port = await listen(server);
    server.close();
    const backend = await openAt(port);

    const error = await backend.stat(REF).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "unavailable", cause: { code: "ECONNREFUSED" } });
    expect(String(error)).toContain(`me:***@127.0.0.1:${port}`);
  });

  test("to a server that speaks something else is unavailable", async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("220 mail.example ESMTP\r\n");
    });
    const backend = await openAt(await listen(server));

    await expect(backend.stat(REF)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("is ended at once when its call is aborted, before the response and within it", async () => {
    const closed: Promise<unknown>[] = [];
    const started = new EventTarget();
    const { backend } = await openStore((request, response) => {
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
    const { backend } = await openStore((request, response) => {
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
    const { backend } = await openStore((_, response) => response.end(BYTES));

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
    const { backend } = await openStore((_, response) => {
      response.writeHead(206, { "content-range": contentRange, "content-length": String(length) });
      response.end(BYTES.subarray(10, 10 + length));
    });

    const reading = backend.read(REF, { offset: 10, length: 20 });

    if (code === undefined) expect(await reading).toEqual(BYTES.slice(10, 30));
    else await expect(reading).rejects.toMatchObject({ code });
  });

  test("come from shared memory, and go to the memory that is lent", async () => {
    let stored = new Uint8Array(0);
    const { backend } = await openStore((request, response) => {
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

describe("a 404 of rclone", () => {
  test.each([
    [200, "unavailable", "unavailable"],
    [404, "not-found", undefined],
    [500, "unavailable", "unavailable"],
  ])("is judged by HEAD, here with %i", async (status, reading, removing) => {
    const { backend } = await openStore((request, response) => {
      const headers = { server: "rclone/v1", "content-length": "0" };
      response.writeHead(request.method === "HEAD" ? status : 404, headers).end();
    });
    const codeOf = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => undefined,
        (error: TsbakError) => error.code,
      );

    expect(await codeOf(backend.read(REF))).toBe(reading);
    expect(await codeOf(backend.remove(REF))).toBe(removing);
  });
});

test("The pieces of a body are reported as they go, and the last is waited for too", async () => {
  const bytes = randomBytes(1_000_000);
  const { backend } = await openStore((request, response) => {
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

describe("a write", () => {
  test("looks first where the server is rclone, or it is not known yet", async () => {
    const { backend, requests } = await openStore((request, response) => {
      request.resume();
      response.writeHead(request.method === "HEAD" ? 404 : 200, { server: "rclone/v1" }).end();
    });
    const { backend: other, requests: otherRequests } = await openStore((request, response) => {
      request.resume();
      response.writeHead(request.method === "HEAD" ? 404 : 200).end();
    });

    for (const store of [backend, other]) for (let n = 0; n < 2; n++) await store.write(REF, BYTES);

    const methods = (list: string[]): string[] => list.map((line) => line.split(" ")[0] ?? "");
    expect(methods(requests)).toEqual(["HEAD", "POST", "HEAD", "POST"]);
    expect(methods(otherRequests)).toEqual(["HEAD", "POST", "POST"]);
  });

  test("that is forbidden is already-exists if the file is there, else denied", async () => {
    let isThere = false;
    const { backend } = await openStore((request, response) => {
      request.resume();
      const size = { "content-length": "1000" };
      if (request.method === "HEAD") response.writeHead(isThere ? 200 : 404, size).end();
      else response.writeHead(403).end();
    });

    await expect(backend.write(REF, BYTES)).rejects.toMatchObject({ code: "denied" });
    isThere = true;
    await expect(backend.write(REF, BYTES)).rejects.toMatchObject({ code: "already-exists" });
  });
});
