import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createPackMemory, PackMemoryPool, PrivatePackMemory } from "./pack-memory.ts";

const TARGET_SIZE = 1 << 20;

test("PackMemoryPool gives each slot to one holder at a time", () => {
  const shared = createPackMemory(3, TARGET_SIZE);
  const [one, other] = [new PackMemoryPool(shared), new PackMemoryPool(shared)];

  const numbers = [one.acquire(), other.acquire(), one.acquire()].map((slot) => slot.number);
  expect(numbers.sort()).toEqual([0, 1, 2]);

  other.release(1);
  expect(one.acquire().number).toBe(1);
});

test("PackMemoryPool makes a thread wait until a slot is given back", async () => {
  const shared = createPackMemory(1, TARGET_SIZE);
  const pool = new PackMemoryPool(shared);
  const slot = pool.acquire();
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    const { PackMemoryPool } = await import(workerData.module);
    parentPort.postMessage("waiting");
    parentPort.postMessage(new PackMemoryPool(workerData.shared).acquire().number);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { shared, module: new URL("./pack-memory.ts", import.meta.url).href },
  });
  const next = (): Promise<unknown> => new Promise((resolve) => worker.once("message", resolve));
  expect(await next()).toBe("waiting");

  const acquired = next();
  pool.release(slot.number);

  expect(await acquired).toBe(0);
});

test("PackMemoryPool ends a wait when it is told to stop", () => {
  const shared = createPackMemory(1, TARGET_SIZE);
  const pool = new PackMemoryPool(shared, () => {
    throw new Error("stopped");
  });
  pool.acquire();

  expect(() => pool.acquire()).toThrow("stopped");
});

test("PrivatePackMemory has room for a pack, its longest blob and its header", () => {
  const { bytes, number } = new PrivatePackMemory(TARGET_SIZE).acquire();

  expect(bytes.length).toBeGreaterThan(TARGET_SIZE + (8 << 20) + 100_000 * 41);
  expect(number).toBe(-1);
});
