import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CONFIG_REF, Traffic, type RetryNotice } from "@tsbak/core";
import { expect, test } from "vitest";

import { LocalBackend } from "./local.ts";
import { openStore } from "./open-store.ts";

test("openStore() leaves a local folder as it is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsbak-store-"));
  try {
    const store = await openStore(folder, {}, { traffic: new Traffic() });
    expect(store).toBeInstanceOf(LocalBackend);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("openStore() repeats and counts what a server over a network refuses for a while", async () => {
  let answers = 0;
  const server = createServer((_, response) => {
    answers++;
    const headers = answers === 1 ? { "retry-after": "7" } : { "content-length": "155" };
    response.writeHead(answers === 1 ? 503 : 200, headers).end();
  });
  const traffic = new Traffic();
  const notices: RetryNotice[] = [];
  const slept: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => void slept.push(milliseconds);
  const retry = { sleep, onRetry: (notice: RetryNotice) => notices.push(notice) };

  const store = await openStore(`rest:${await listen(server)}/`, {}, { traffic, retry });
  try {
    expect(await store.stat(CONFIG_REF)).toEqual({ name: "", size: 155 });
  } finally {
    await store.close?.();
    server.close();
  }

  expect([traffic.requests.stat, traffic.retries]).toEqual([2, 1]);
  expect(slept).toEqual([7000]);
  expect(notices.map(({ kind }) => kind)).toEqual(["failed", "recovered"]);
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
