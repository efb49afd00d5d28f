import { expect, test } from "vitest";

import { Breath } from "./breath.ts";
import { forEachConcurrent, mapConcurrent } from "./map-concurrent.ts";
import { Semaphore } from "./semaphore.ts";
import { sleep } from "./sleep.ts";

const interrupted = { code: "interrupted" };

async function* numbers(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) yield n;
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Counts how many run at once, and gives way several times so that others may start. */
class Meter {
  running = 0;
  most = 0;

  async run(turns: number): Promise<void> {
    this.most = Math.max(this.most, ++this.running);
    for (let turn = 0; turn < turns; turn++) await sleep(0);
    this.running--;
  }
}

test("mapConcurrent() gives results in the order of the items, and never runs more than allowed", async () => {
  const meter = new Meter();
  const work = async (n: number): Promise<number> => {
    await meter.run((n * 7) % 5);
    return n * 2;
  };

  const results = await collect(mapConcurrent(numbers(50), work, { concurrency: 4 }));

  expect(results).toEqual(Array.from({ length: 50 }, (_, n) => n * 2));
  expect(meter.most).toBe(4);
});

test("mapConcurrent() throws the first failure in the order of the items, after the others ended", async () => {
  const meter = new Meter();
  const work = async (n: number): Promise<number> => {
    await meter.run(n === 3 ? 5 : 1);
    if (n === 3 || n === 4) throw new Error(`failed ${n}`);
    return n;
  };
  const seen: number[] = [];

  const run = async (): Promise<void> => {
    for await (const n of mapConcurrent(numbers(50), work, { concurrency: 4 })) seen.push(n);
  };

  await expect(run()).rejects.toThrow("failed 3");
  expect(seen).toEqual([0, 1, 2]);
  expect(meter.running).toBe(0);
});

test("mapConcurrent() reads no further than it must, and stops the work when it is left", async () => {
  let taken = 0;
  let stopped = 0;
  const source = function* (): Generator<number> {
    for (;;) yield taken++;
  };
  const work = async (n: number, signal: AbortSignal): Promise<number> => {
    await sleep(0);
    if (n > 0) await sleep(60_000, signal).catch(() => stopped++);
    return n;
  };

  for await (const n of mapConcurrent(source(), work, { concurrency: 3 })) {
    expect(n).toBe(0);
    break;
  }

  expect([taken, stopped]).toEqual([3, 2]);
});

test("mapConcurrent() and forEachConcurrent() are interrupted by their signal", async () => {
  const abort = new AbortController();
  const options = { concurrency: 2, signal: abort.signal };
  const work = async (n: number, signal: AbortSignal): Promise<void> => {
    if (n === 5) abort.abort();
    else if (n > 5) await sleep(60_000, signal);
  };

  await expect(collect(mapConcurrent(numbers(50), work, options))).rejects.toMatchObject(
    interrupted,
  );
  await expect(forEachConcurrent(numbers(50), work, options)).rejects.toMatchObject(interrupted);
});

test("forEachConcurrent() works on every item of an array, and never on more than allowed at once", async () => {
  const meter = new Meter();
  const seen = new Set<number>();
  const items = Array.from({ length: 100 }, (_, n) => n);

  await forEachConcurrent(
    items,
    async (n) => {
      await meter.run((n * 3) % 4);
      seen.add(n);
    },
    { concurrency: 5 },
  );

  expect(seen.size).toBe(100);
  expect(meter.most).toBe(5);
});

test("forEachConcurrent() stops at the first failure, and tells the calls that run", async () => {
  const started: number[] = [];
  const work = async (n: number, signal: AbortSignal): Promise<void> => {
    started.push(n);
    if (n === 2) throw new Error("failed 2");
    await sleep(60_000, signal);
  };

  await expect(forEachConcurrent(numbers(100), work, { concurrency: 4 })).rejects.toThrow(
    "failed 2",
  );
  expect(started.length).toBeLessThanOrEqual(4);
});

test("Semaphore serves in order, and lets one in for each that leaves", async () => {
  const semaphore = new Semaphore(2);
  const order: number[] = [];
  const first = await semaphore.acquire();
  const second = await semaphore.acquire();
  const others = [1, 2, 3].map(async (n) => {
    const release = await semaphore.acquire();
    order.push(n);
    release();
  });
  await sleep(0);
  expect([order, semaphore.waiting]).toEqual([[], 3]);

  first();
  first();
  await Promise.all(others);
  second();

  expect([order, semaphore.waiting]).toEqual([[1, 2, 3], 0]);
});

test("Semaphore lets a waiter give up without losing a permit", async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const abort = new AbortController();
  const givesUp = semaphore.acquire(abort.signal);
  const waits = semaphore.acquire();
  abort.abort();
  await expect(givesUp).rejects.toMatchObject(interrupted);

  release();
  (await waits)();

  (await semaphore.acquire(new AbortController().signal))();
  await expect(semaphore.acquire(abort.signal)).rejects.toMatchObject(interrupted);
});

test("Semaphore and mapConcurrent() refuse less than one", async () => {
  expect(() => new Semaphore(0)).toThrow(RangeError);
  const nothing = mapConcurrent([1], async (n) => n, { concurrency: 0 });
  await expect(collect(nothing)).rejects.toThrow(RangeError);
});

test("sleep() ends early when its signal is aborted", async () => {
  const abort = new AbortController();
  const sleeping = sleep(60_000, abort.signal);
  abort.abort();
  await expect(sleeping).rejects.toMatchObject(interrupted);
  await expect(sleep(0, abort.signal)).rejects.toMatchObject(interrupted);
  await sleep(0);
});

test("Breath lets others have their turn once in each interval, and not more often", async () => {
  const turns: string[] = [];
  const [often, seldom] = [new Breath(0), new Breath(60_000)];
  setImmediate(() => turns.push("others"));
  for (let turn = 0; turn < 3; turn++) await seldom.take();
  turns.push("seldom");
  await often.take();
  turns.push("often");

  expect(turns).toEqual(["seldom", "others", "often"]);
});
