import type { FileRef, TsbakError } from "@tsbak/core";
import { listAll } from "@tsbak/core/testing";
import { describe, expect, test } from "vitest";

import { RestAnswers, type Answer } from "../testing/rest-answers.ts";

const REF: FileRef = { kind: "pack", name: "ab".repeat(32) };
const OTHER = "cd".repeat(32);
const BYTES = new Uint8Array(1000).map((_, at) => at);

const stores = new RestAnswers().register();

function withStatus(status: number, headers: Record<string, string> = {}): Answer {
  return (request, response) => {
    request.resume();
    response.writeHead(status, headers).end("reason");
  };
}

describe("a listing", () => {
  test("of version 1 of the protocol has names only, and sizes are asked for one by one", async () => {
    const names = Array.from({ length: 12 }, (_, at) => at.toString(16).padStart(64, "0"));
    const { backend, requests } = await stores.openStore((request, response) => {
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
    const { backend } = await stores.openStore((_, response) => response.end(text));

    await expect(listAll(backend, "pack")).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that is not there is empty, but for rclone, which means a failure by it", async () => {
    const { backend } = await stores.openStore(withStatus(404));
    const { backend: ofRclone } = await stores.openStore(
      withStatus(404, { server: "rclone/v1.75.2" }),
    );

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
    const { backend } = await stores.openStore(withStatus(status));

    await expect(backend.read(REF)).rejects.toMatchObject({ code });
    const message = await backend.stat(REF).catch(String);
    expect(message).toMatch(/^TsbakError: Cannot read pack abababab from rest:http:\/\/me:\*\*\*@/);
    expect(message).not.toContain("secret");
  });

  test("of 429 or 503 may say when to come back", async () => {
    const { backend } = await stores.openStore(withStatus(503, { "retry-after": "7" }));

    await expect(backend.read(REF)).rejects.toMatchObject({ cause: { retryAfterMs: 7000 } });
    await expect(backend.write(REF, BYTES)).rejects.toMatchObject({
      cause: { retryAfterMs: 7000 },
    });
  });

  test("of a redirection is an error that says where to, without secrets", async () => {
    const headers = { location: "https://you:hidden@other.example/repo/?token=hidden" };
    const { backend, requests } = await stores.openStore(withStatus(308, headers));

    const error = await backend.read(REF).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(String(error)).toContain("https://other.example");
    expect(String(error)).not.toContain("hidden");
    expect(requests.length).toBe(1);
  });

  test("that refuses a large file is seen, though the server does not read it", async () => {
    const { backend } = await stores.openStore((request, response) => {
      if (request.method === "HEAD") return void response.writeHead(404).end();
      response.writeHead(507, { connection: "close" }).end("full");
    });

    const writing = backend.write(REF, new Uint8Array(32 << 20));

    await expect(writing).rejects.toMatchObject({ code: "no-space" });
  });
});

describe("a 404 of rclone", () => {
  test.each([
    [200, "unavailable", "unavailable"],
    [404, "not-found", undefined],
    [500, "unavailable", "unavailable"],
  ])("is judged by HEAD, here with %i", async (status, reading, removing) => {
    const { backend } = await stores.openStore((request, response) => {
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

describe("a write", () => {
  test("looks first where the server is rclone, or it is not known yet", async () => {
    const { backend, requests } = await stores.openStore((request, response) => {
      request.resume();
      response.writeHead(request.method === "HEAD" ? 404 : 200, { server: "rclone/v1" }).end();
    });
    const { backend: other, requests: otherRequests } = await stores.openStore(
      (request, response) => {
        request.resume();
        response.writeHead(request.method === "HEAD" ? 404 : 200).end();
      },
    );

    for (const store of [backend, other]) for (let n = 0; n < 2; n++) await store.write(REF, BYTES);

    const methods = (list: string[]): string[] => list.map((line) => line.split(" ")[0] ?? "");
    expect(methods(requests)).toEqual(["HEAD", "POST", "HEAD", "POST"]);
    expect(methods(otherRequests)).toEqual(["HEAD", "POST", "POST"]);
  });

  test("that is forbidden is already-exists if the file is there, else denied", async () => {
    let isThere = false;
    const { backend } = await stores.openStore((request, response) => {
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
