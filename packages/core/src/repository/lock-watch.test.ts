import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StateFolder } from "../fs/state-folder.ts";
import { DrivenClock } from "../testing/driven-clock.ts";
import { DrivenMachine } from "../testing/driven-machine.ts";
import { lockContext, lockNames, putLock } from "../testing/lock-samples.ts";
import { acquireLock, type HeldLock, type LockNotice, type LockOptions } from "./locks.ts";
import type { UnpackedContext } from "./unpacked.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const LONG_AGO = "2001-01-01T00:00:00Z";

let base: string;
let context: UnpackedContext;
let clock: DrivenClock;
let machine: DrivenMachine;
let notices: LockNotice[];

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "tsbak-watch-"));
  context = await lockContext();
  clock = new DrivenClock();
  machine = new DrivenMachine(clock);
  notices = [];
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

/** A new run of a command that waits for its lock. */
function acquire(
  exclusive: boolean,
  { retryMs, watchMs, signal }: Pick<LockOptions, "retryMs" | "watchMs" | "signal"> = {},
): Promise<HeldLock> {
  return acquireLock(context, {
    exclusive,
    signal,
    autoUnlock: true,
    retryMs,
    watchMs,
    state: new StateFolder(base, "repository"),
    clock,
    machine,
    onNotice: (notice) => notices.push(notice),
  });
}

/** A run that sees the locks, and is interrupted. */
async function glance(): Promise<void> {
  const interruption = new AbortController();
  const acquiring = acquire(false, { signal: interruption.signal });
  acquiring.catch(() => undefined);
  await clock.pass(1);
  interruption.abort();
  await expect(acquiring).rejects.toMatchObject({ code: "interrupted" });
  expect(notices.map(({ kind }) => kind)).toEqual(["watching"]);
}

/** How many minutes it took until the lock was there. */
async function minutesUntil(acquiring: Promise<HeldLock>): Promise<number> {
  const before = clock.steady();
  const lock = await clock.passUntil(acquiring, 3 * HOUR);
  const minutes = (clock.steady() - before) / MINUTE;
  await lock.release();
  return minutes;
}

/** Another process that refreshes its lock every five minutes until it is told to stop. */
async function otherProcess(exclusive: boolean): Promise<() => void> {
  let name = await putLock(context, { exclusive, time: LONG_AGO });
  return clock.every(5 * MINUTE, () => {
    void putLock(context, { exclusive, time: LONG_AGO }).then(async (next) => {
      await context.backend.remove({ kind: "lock", name });
      name = next;
    });
  });
}

test.each([
  [false, 30],
  [true, 40],
])("a lock that nobody refreshes is removed (exclusive: %s, minutes: %s)", async (...wish) => {
  const [exclusive, minutes] = wish;
  await putLock(context, { exclusive: true, time: LONG_AGO });

  const took = await minutesUntil(acquire(exclusive));

  expect(took).toBeGreaterThanOrEqual(minutes);
  expect(took).toBeLessThan(minutes + 2);
  expect(notices.map(({ kind }) => kind)).toEqual(["watching", "abandoned"]);
  expect(await lockNames(context)).toEqual([]);
});

test("a lock that is refreshed is never removed, whatever its own time says, and is not waited for", async () => {
  const stop = await otherProcess(true);
  const before = clock.steady();

  await expect(clock.passUntil(acquire(true), 3 * HOUR)).rejects.toMatchObject({ code: "locked" });

  expect((clock.steady() - before) / MINUTE).toBeLessThan(7);
  expect(notices.map(({ kind }) => kind)).toEqual(["watching"]);
  expect(await lockNames(context)).toHaveLength(1);
  stop();
});

test("a process that dies while we wait for it with retries is noticed", async () => {
  const stop = await otherProcess(true);
  const acquiring = acquire(false, { retryMs: 2 * HOUR });
  acquiring.catch(() => undefined);
  await clock.pass(22 * MINUTE);
  stop();

  const took = await minutesUntil(acquiring);

  expect(took).toBeGreaterThanOrEqual(27);
  expect(took).toBeLessThan(31);
});

test("a lock that cannot be read is watched like others", async () => {
  await context.backend.write({ kind: "lock", name: "1".repeat(64) }, new Uint8Array(9));

  expect(await minutesUntil(acquire(false))).toBeGreaterThanOrEqual(30);
});

test("without autoUnlock nothing is removed", async () => {
  await putLock(context, { exclusive: true, time: LONG_AGO });
  const acquiring = acquireLock(context, { exclusive: false, retryMs: 2 * HOUR, clock });

  await expect(clock.passUntil(acquiring, 3 * HOUR)).rejects.toMatchObject({ code: "locked" });
});

test("who gives less time for the watch waits no longer, and removes nothing", async () => {
  await putLock(context, { exclusive: true, time: LONG_AGO });
  const before = clock.steady();

  await expect(
    clock.passUntil(acquire(true, { watchMs: 2 * MINUTE }), 3 * HOUR),
  ).rejects.toMatchObject({ code: "locked" });

  expect((clock.steady() - before) / MINUTE).toBeLessThan(4);
  expect(notices.map(({ kind }) => kind)).toEqual(["watching"]);
});

test("what an earlier run saw shortens the watch, to a little more than a refresh takes", async () => {
  await putLock(context, { exclusive: true });
  await glance();
  await clock.pass(24 * HOUR);

  const took = await minutesUntil(acquire(false));

  expect(took).toBeGreaterThan(5);
  expect(took).toBeLessThan(8);
});

test("what an earlier run saw counts nothing after the machine has started again", async () => {
  await putLock(context, { exclusive: true });
  await glance();
  machine.boot = "boot-2";
  clock.shiftWall(24 * HOUR);

  expect(await minutesUntil(acquire(false))).toBeGreaterThanOrEqual(30);
});

test.each([
  ["forwards", 24 * HOUR],
  ["back", -24 * HOUR],
])("a wall clock that is set %s proves nothing", async (_, shift) => {
  await putLock(context, { exclusive: true });
  await glance();
  clock.shiftWall(shift);

  expect(await minutesUntil(acquire(false))).toBeGreaterThanOrEqual(29);
});

test("a holder that slept with this machine has time to refresh", async () => {
  const stop = await otherProcess(true);
  await glance();
  clock.suspend(8 * HOUR);

  await expect(clock.passUntil(acquire(false), 3 * HOUR)).rejects.toMatchObject({ code: "locked" });

  expect(notices.map(({ kind }) => kind)).not.toContain("abandoned");
  stop();
});

test("a sleep of this machine in the middle of a watch does not count", async () => {
  await putLock(context, { exclusive: true });
  const acquiring = acquire(false);
  acquiring.catch(() => undefined);
  await clock.pass(10 * MINUTE);
  clock.suspend(8 * HOUR);

  expect(await minutesUntil(acquiring)).toBeGreaterThanOrEqual(20);
});

test("a damaged memory of locks is as good as none", async () => {
  await putLock(context, { exclusive: true });
  await glance();
  writeFileSync(join(base, "repository", "lock-sightings"), '[{"name":1},');
  await clock.pass(24 * HOUR);

  expect(await minutesUntil(acquire(false))).toBeGreaterThanOrEqual(30);
});
