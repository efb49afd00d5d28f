import { expect, test } from "vitest";

import { MemoryBackend } from "../backend/memory.ts";
import { DrivenClock } from "../testing/driven-clock.ts";
import { lockContext, lockNames } from "../testing/lock-samples.ts";
import type { HeldLock } from "./held-lock.ts";
import { acquireLock } from "./locks.ts";
import { removeLocks } from "./stale-locks.ts";
import { confirmLocks, underLocks } from "./under-locks.ts";
import type { UnpackedContext } from "./unpacked.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function holdLock(): Promise<{
  context: UnpackedContext;
  clock: DrivenClock;
  lock: HeldLock;
}> {
  const context = await lockContext(new MemoryBackend());
  const clock = new DrivenClock();
  const lock = await clock.passUntil(acquireLock(context, { exclusive: true, clock }), MINUTE);
  return { context, clock, lock };
}

test("underLocks() gives the result and releases the locks, also when the work fails", async () => {
  const first = await holdLock();
  expect(await underLocks([first.lock, undefined], undefined, async () => 5)).toBe(5);
  expect(await lockNames(first.context)).toEqual([]);

  const second = await holdLock();
  const failing = underLocks([second.lock], undefined, () => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  expect(await lockNames(second.context)).toEqual([]);
});

test("work that ended in a sleep after which the lock is gone has not succeeded", async () => {
  const { context, clock, lock } = await holdLock();
  const result = underLocks([lock], undefined, async () => {
    clock.suspend(HOUR);
    await removeLocks(context, { all: true });
  });
  result.catch(() => undefined);

  await expect(clock.passUntil(result, MINUTE)).rejects.toMatchObject({ code: "locked" });
});

test("a lock that still stands after a sleep counts, and confirmLocks() asks before the work goes on", async () => {
  const { clock, lock } = await holdLock();
  const steps: string[] = [];
  const result = underLocks([lock], undefined, async () => {
    clock.suspend(HOUR);
    steps.push(String(lock.isDoubtful));
    await confirmLocks([lock]);
    steps.push(String(lock.isDoubtful));
  });

  await clock.passUntil(result, MINUTE);

  expect(steps).toEqual(["true", "false"]);
});

test("the loss of a lock is why work ended that was aborted by it", async () => {
  const { context, clock, lock } = await holdLock();
  const result = underLocks([lock], undefined, async (signal) => {
    clock.suspend(HOUR);
    await removeLocks(context, { all: true });
    await lock.confirm().catch(() => undefined);
    expect(signal.aborted).toBe(true);
    throw new Error("aborted somewhere");
  });
  result.catch(() => undefined);

  await expect(clock.passUntil(result, MINUTE)).rejects.toThrow("the lock could not be refreshed");
});
