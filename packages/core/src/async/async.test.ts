import { expect, test } from "vitest";
import { mapConcurrent } from "./map-concurrent.ts";
import { Semaphore } from "./semaphore.ts";
import { sleep } from "./sleep.ts";

test("mapConcurrent() keeps the order and the limit", async () => {
  let running = 0;
  let most = 0;
  const run = async (item: number): Promise<number> => {
    most = Math.max(most, ++running);
    await sleep((7 * item) % 5);
    running--;
    return item * 2;
  };

  const results: number[] = [];
  for await (const result of mapConcurrent([0, 1, 2, 3, 4, 5, 6], 3, run)) results.push(result);

  expect(results).toEqual([0, 2, 4, 6, 8, 10, 12]);
  expect(most).toBe(3);
});

test("mapConcurrent() throws the failure of an item", async () => {
  const run = (item: number): Promise<number> =>
    item === 2 ? Promise.reject(new Error("two")) : Promise.resolve(item);
  const results: number[] = [];

  const all = async (): Promise<void> => {
    for await (const result of mapConcurrent([0, 1, 2, 3], 2, run)) results.push(result);
  };

  await expect(all()).rejects.toThrow("two");
  expect(results).toEqual([0, 1]);
});

test("Semaphore lets the next in when a place is given back, and counts a place once", async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  let entered = 0;
  const others = [1, 2].map(async () => {
    const done = await semaphore.acquire();
    entered++;
    return done;
  });

  await sleep(1);
  expect(entered).toBe(0);
  release();
  release();
  await sleep(1);
  expect(entered).toBe(1);
  (await others[0])?.();
  await others[1];
  expect(entered).toBe(2);
});

test("Semaphore gives the place back when the signal was aborted", async () => {
  const semaphore = new Semaphore(1);

  await expect(semaphore.acquire(AbortSignal.abort())).rejects.toMatchObject({
    code: "interrupted",
  });

  await semaphore.acquire();
});

test("sleep() ends at once when the signal is aborted", async () => {
  const controller = new AbortController();
  const waiting = sleep(1_000_000, controller.signal);
  controller.abort();

  await expect(waiting).rejects.toMatchObject({ code: "interrupted" });
});
