import { hostname } from "node:os";
import { expect, test } from "vitest";
import { foreignLock, lockContext, lockNames, putLock } from "../testing/lock-samples.ts";
import { acquireLock } from "./locks.ts";
import { isStaleLock, removeLocks } from "./stale-locks.ts";

const DEAD_PID = 2 ** 22 + 1;

function minutesAgo(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}

test("isStaleLock() goes by age, and by the process on a host of our name only", () => {
  const own = { time: minutesAgo(0), hostname: hostname() };

  expect(isStaleLock(foreignLock({ time: minutesAgo(29) }))).toBe(false);
  expect(isStaleLock(foreignLock({ time: minutesAgo(31) }))).toBe(true);
  expect(isStaleLock(foreignLock({ time: minutesAgo(0), pid: DEAD_PID }))).toBe(false);
  expect(isStaleLock(foreignLock({ ...own, pid: DEAD_PID }))).toBe(true);
  expect(isStaleLock(foreignLock({ ...own, pid: process.pid }))).toBe(false);
});

test("removeLocks() leaves locks that may be held, unless it is told to remove all", async () => {
  const context = await lockContext();
  const held = await acquireLock(context, { exclusive: false });
  await putLock(context, { time: minutesAgo(31) });

  expect(await removeLocks(context)).toBe(1);
  expect(await removeLocks(context)).toBe(0);
  expect(await removeLocks(context, { all: true })).toBe(1);
  expect(await lockNames(context)).toEqual([]);
  await held.release();
});

test("removeLocks() does not wait for locks that cannot be read, and leaves them unless all are removed", async () => {
  const context = await lockContext();
  await context.backend.write({ kind: "lock", name: "1".repeat(64) }, new Uint8Array(9));

  expect(await removeLocks(context)).toBe(0);
  expect(await removeLocks(context, { all: true })).toBe(1);
});
