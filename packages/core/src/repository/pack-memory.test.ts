import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import {
  createPackMemory,
  MAX_BLOB_SIZE,
  MAX_ENTRIES,
  PackMemoryPool,
  PrivatePackMemory,
} from "./pack-memory.ts";

const TARGET_SIZE = 1 << 20;

test("PackMemoryPool gives each slot to one holder at a time", () => {
  const shared = createPackMemory(3, TARGET_SIZE);
  const [one, other] = [new PackMemoryPool(shared), new PackMemoryPool(shared)];

  expect([one.take(), other.take(), one.take()].sort()).toEqual([0, 1, 2]);
  expect(other.take()).toBe(undefined);

  other.release(1);
  expect(one.take()).toBe(1);
});

test("PackMemoryPool makes a thread wait until a slot is given back", async () => {
  const shared = createPackMemory(1, TARGET_SIZE);
  const pool = new PackMemoryPool(shared);
  pool.take();
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    const { PackMemoryPool } = await import(workerData.module);
    const pool = new PackMemoryPool(workerData.shared);
    parentPort.postMessage("waiting");
    let slot;
    while ((slot = pool.take()) === undefined) pool.wait();
    parentPort.postMessage(slot);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { shared, module: new URL("./pack-memory.ts", import.meta.url).href },
  });
  const next = (): Promise<unknown> => new Promise((resolve) => worker.once("message", resolve));
  expect(await next()).toBe("waiting");

  const taken = next();
  pool.release(0);

  expect(await taken).toBe(0);
});

test("PackMemoryPool ends a wait when it is told to stop", () => {
  const pool = new PackMemoryPool(createPackMemory(1, TARGET_SIZE), () => {
    throw new Error("stopped");
  });
  pool.take();
  pool.take();

  expect(() => pool.wait()).toThrow("stopped");
});

test("PackMemoryPool lets all threads see the same slot", () => {
  const shared = createPackMemory(2, TARGET_SIZE);
  new PackMemoryPool(shared).slot(1).pack[5] = 7;

  expect(new PackMemoryPool(shared).slot(1).pack[5]).toBe(7);
});

test("a slot has room for a pack, its longest blob and its header", () => {
  const memory = new PrivatePackMemory(TARGET_SIZE);
  const { pack, header } = memory.slot(memory.take());

  expect(pack.length).toBeGreaterThan(TARGET_SIZE + MAX_BLOB_SIZE + MAX_ENTRIES * 41);
  expect(header.length).toBeGreaterThan(MAX_ENTRIES * 41);
});

test("PrivatePackMemory uses what is given back again, and never runs out", () => {
  const memory = new PrivatePackMemory(TARGET_SIZE);

  expect([memory.take(), memory.take()]).toEqual([0, 1]);
  memory.release(0);
  expect([memory.take(), memory.take()]).toEqual([0, 2]);
});

test("PrivatePackMemory lets go of what nobody has taken", () => {
  const memory = new PrivatePackMemory(TARGET_SIZE);
  const [taken, free] = [memory.take(), memory.take()].map((number) => memory.slot(number).pack);
  memory.release(1);

  memory.trim();

  expect([taken?.length === 0, free?.length === 0]).toEqual([false, true]);
  expect(memory.slot(memory.take()).pack.length).toBeGreaterThan(TARGET_SIZE);
});
