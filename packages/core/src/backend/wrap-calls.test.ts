import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { FaultyBackend } from "../testing/faulty-backend.ts";
import { MisplacingBackend } from "../testing/misplacing-backend.ts";
import type { Backend, OpenFile } from "./backend.ts";
import { withBandwidth } from "./bandwidth.ts";
import { withCache } from "./cache.ts";
import { withLimit } from "./limit.ts";
import { MemoryBackend } from "./memory.ts";
import { withRetry } from "./retry.ts";
import { Traffic, withTraffic } from "./traffic.ts";
import { withWatchdog } from "./watchdog.ts";
import { wrapStore } from "./wrap-store.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-wrappers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const WRAPPERS: readonly [string, (backend: Backend) => Backend][] = [
  ["withRetry()", (backend) => withRetry(backend)],
  ["withLimit()", (backend) => withLimit(backend, 1)],
  ["withTraffic()", (backend) => withTraffic(backend, new Traffic())],
  ["withWatchdog()", (backend) => withWatchdog(backend)],
  ["withBandwidth()", (backend) => withBandwidth(backend, { upload: 1 })],
  ["wrapStore()", (backend) => wrapStore(backend, { traffic: new Traffic() })],
  ["withCache()", (backend) => withCache(backend, folder, "ab".repeat(32))],
];

class ClosableBackend extends MemoryBackend {
  closed = 0;

  async openFile(): Promise<OpenFile> {
    return { descriptor: this.closed, alignment: 1, size: 0, close: async () => undefined };
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

test.each(WRAPPERS)("%s closes and opens files of the store that it wraps", async (_, wrap) => {
  const inner = new ClosableBackend();
  const wrapped = wrap(inner);

  await wrapped.close?.();

  expect(inner.closed).toBe(1);
  expect((await wrapped.openFile?.({ kind: "pack", name: "ab".repeat(32) }))?.descriptor).toBe(1);
});

test.each(WRAPPERS)("%s finds packs in wrong folders, and removes them", async (_, wrap) => {
  const store = new MisplacingBackend();
  const wrapped = wrap(store);
  const name = "ab".repeat(32);
  await wrapped.write({ kind: "pack", name }, Buffer.from("contents"));
  await store.misplace(name, "data/zz");

  const [pack] = (await wrapped.misplacedPacks?.list()) ?? [];

  expect(pack).toEqual({ name, size: 8, path: `data/zz/${name}` });
  expect((await wrapped.misplacedPacks?.read(pack!))?.length).toBe(8);
  await wrapped.misplacedPacks?.remove(pack!);
  expect(await store.misplacedPacks.list()).toEqual([]);
});

test.each(WRAPPERS)("%s has no more methods than the store that it wraps", (_, wrap) => {
  const wrapped = wrap(new MemoryBackend());

  const { close, openFile, removeMany, misplacedPacks } = wrapped;
  expect([close, openFile, removeMany, misplacedPacks].every((one) => one === undefined)).toBe(
    true,
  );
});

test("FaultyBackend closes the store that it wraps", async () => {
  const inner = new ClosableBackend();
  await new FaultyBackend(inner).close?.();
  expect(inner.closed).toBe(1);
});
