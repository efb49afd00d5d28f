import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startHttpProxy, type HttpProxy, type HttpProxyOptions } from "./http-proxy.ts";
import type { HttpFault } from "./http-fault.ts";
import { planConnections, planRequests, weatherOf, type Weather } from "./weather.ts";

/** Keeps what is POSTed, gives it back to GET, and lists the names in JSON or XML. */
let server: Server;
let files: Map<string, Buffer>;
let proxies: HttpProxy[];

beforeEach(async () => {
  files = new Map();
  proxies = [];
  server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  for (const proxy of proxies) await proxy.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = "", query] = (request.url ?? "").split("?");
  const body: Buffer[] = [];
  try {
    for await (const part of request) body.push(part as Buffer);
  } catch {
    return;
  }
  if (request.method === "POST") files.set(path, Buffer.concat(body));
  const names = [...files.keys()].map((name) => name.slice(1));
  const answer =
    path === "/json"
      ? Buffer.from(JSON.stringify(names.map((name) => ({ name, size: 1 }))))
      : query !== undefined
        ? Buffer.from(names.map((name) => `<Contents><Key>a/${name}</Key></Contents>`).join(""))
        : (files.get(path) ?? Buffer.alloc(0));
  const type = path === "/json" ? "application/json" : query === undefined ? "x/y" : "text/xml";
  response.writeHead(200, { "content-length": answer.length, "content-type": type });
  response.end(answer);
}

async function start(options: Omit<HttpProxyOptions, "port"> = {}): Promise<string> {
  const proxy = await startHttpProxy({ ...options, port: (server.address() as AddressInfo).port });
  proxies.push(proxy);
  return `http://127.0.0.1:${proxy.port}`;
}

/** The fault meets the first request only. */
function once(fault: HttpFault): Omit<HttpProxyOptions, "port"> {
  return { plan: ({ number }) => (number === 1 ? fault : undefined) };
}

async function post(url: string, body: string): Promise<Response> {
  return fetch(url, { method: "POST", body });
}

test("a proxy without faults passes on bodies both ways, and counts requests by method", async () => {
  const url = await start();

  await post(`${url}/a`, "contents");

  expect(await (await fetch(`${url}/a`)).text()).toBe("contents");
  expect(await (await fetch(`${url}/a`)).text()).toBe("contents");
  expect(Object.fromEntries(proxies[0]?.requests ?? [])).toEqual({ POST: 1, GET: 2 });
});

test("a proxy answers in place of the server, who never hears of it", async () => {
  const lines: string[] = [];
  const fault = { type: "answer", status: 503, retryAfterSeconds: 7 } as const;
  const url = await start({ ...once(fault), log: (line) => lines.push(line) });

  const response = await post(`${url}/a`, "contents");

  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "7"]);
  expect(files.size).toBe(0);
  expect(lines).toEqual(["request 1 POST /a: answer 503 retryAfterSeconds 7"]);
});

test("an answer gets lost after the server did what it was asked", async () => {
  const url = await start(once({ type: "lose-answer" }));

  await expect(post(`${url}/a`, "contents")).rejects.toThrow();

  expect(String(files.get("/a"))).toBe("contents");
});

test("a request is cut on its way", async () => {
  const url = await start(once({ type: "cut-request", share: 0.5 }));

  await expect(post(`${url}/a`, "contents")).rejects.toThrow();

  expect(files.size).toBe(0);
});

test("the body of an answer is cut, though its length was promised", async () => {
  files.set("/a", Buffer.from("contents"));
  const url = await start(once({ type: "truncate", share: 0.5 }));

  const response = await fetch(`${url}/a`);

  expect(response.headers.get("content-length")).toBe("8");
  await expect(response.text()).rejects.toThrow();
});

test("a byte is changed in an answer, or in a request", async () => {
  files.set("/a", Buffer.from("contents"));
  const answered = await start(once({ type: "flip", share: 0.5 }));
  const requested = await start(once({ type: "flip-request", share: 0 }));

  await post(`${requested}/b`, "contents");

  expect(await (await fetch(`${answered}/a`)).text()).toBe("cont%nts");
  expect(String(files.get("/b"))).toBe("#ontents");
});

test("a stalled request is never answered", async () => {
  const url = await start(once({ type: "stall" }));

  await expect(fetch(`${url}/a`, { signal: AbortSignal.timeout(100) })).rejects.toThrow(/timeout/);
});

test("listings in JSON and XML show new files only later", async () => {
  files.set("/old", Buffer.from("x"));
  const url = await start({ listingDelayMs: 60_000 });
  await post(`${url}/new`, "x");

  expect(await (await fetch(`${url}/json`)).json()).toEqual([{ name: "old", size: 1 }]);
  expect(await (await fetch(`${url}/?list-type=2`)).text()).toBe(
    "<Contents><Key>a/old</Key></Contents>",
  );
  expect(files.size).toBe(2);
});

test("a seed gives the same weather again, and another seed another", () => {
  const plan = (weather: Weather, seed: string): string => {
    const request = planRequests(weather, seed);
    const connection = planConnections(weather, seed, 1000);
    const numbers = Array.from({ length: 100 }, (_, at) => at + 1);
    return JSON.stringify(
      numbers.map((number) => [request({ number, method: "GET", path: "/a" }), connection(number)]),
    );
  };
  const weathers = new Set(Array.from({ length: 6 }, (_, run) => weatherOf(run)));

  expect(weathers.size).toBe(6);
  for (const weather of weathers) {
    expect(plan(weather, "a")).toBe(plan(weather, "a"));
    expect(plan(weather, "a")).not.toBe(plan(weather, "b"));
    expect(plan(weather, "a")).toMatch(/"type"/);
  }
});
