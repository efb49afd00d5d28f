import { expect, test } from "vitest";

import { Pacer } from "./pacer.ts";

/** A clock that only sleeping moves. */
function driven(): { now: () => number; sleep: (ms: number) => Promise<void>; slept: number[] } {
  let time = 0;
  const slept: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => {
    slept.push(milliseconds);
    time += milliseconds;
  };
  return { now: () => time, sleep, slept };
}

test("Pacer lets so many bytes pass in a second, whatever the size of the pieces", async () => {
  for (const piece of [100, 1000, 7000, 50_000]) {
    const clock = driven();
    const pacer = new Pacer(10_000, clock);

    for (let taken = 0; taken < 350_000; taken += piece) await pacer.take(piece);

    expect(Math.abs(clock.now() - 35_000)).toBeLessThanOrEqual(100);
  }
});

test("Pacer serves those who wait at once one after another", () => {
  const waits: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  const pacer = new Pacer(1000, { now: () => 0, sleep });

  for (let count = 0; count < 3; count++) void pacer.take(500);

  expect(waits).toEqual([500, 1000, 1500]);
});

test("Pacer gives nothing for the time in which nobody took anything", async () => {
  const clock = driven();
  const pacer = new Pacer(1000, clock);
  await pacer.take(1000);
  await clock.sleep(60_000);

  await pacer.take(1000);

  expect(clock.slept).toEqual([1000, 60_000, 1000]);
});

test("Pacer stops waiting when the signal is aborted", async () => {
  const abort = new AbortController();
  const waiting = new Pacer(1).take(1_000_000, abort.signal);

  abort.abort();

  await expect(waiting).rejects.toMatchObject({ code: "interrupted" });
});
