import { expect, test } from "vitest";
import type { Backend, FileRef } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { DrivenClock } from "../testing/driven-clock.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { lockContext, lockNames, putLock } from "../testing/lock-samples.ts";
import { ConfirmedWrites } from "./confirmed-writes.ts";
import { listLocks } from "./lock-files.ts";
import { acquireLock, type HeldLock } from "./locks.ts";
import { removeLocks } from "./stale-locks.ts";
import type { UnpackedContext } from "./unpacked.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PACK: FileRef = { kind: "pack", name: "a".repeat(64) };

interface Held {
  readonly store: FaultyBackend;
  readonly context: UnpackedContext;
  readonly clock: DrivenClock;
  readonly lock: HeldLock;
  /** The store as operations see it. */
  readonly guarded: Backend;
}

async function holdLock(exclusive: boolean): Promise<Held> {
  const store = new FaultyBackend(new MemoryBackend());
  const context = await lockContext(store);
  const clock = new DrivenClock();
  const lock = await clock.passUntil(acquireLock(context, { exclusive, clock }), MINUTE);
  const writes = new ConfirmedWrites();
  writes.add(lock);
  return { store, context, clock, lock, guarded: writes.guard(store) };
}

function write({ guarded, clock }: Held): Promise<void> {
  return clock.passUntil(guarded.write(PACK, new Uint8Array(1)), MINUTE);
}

async function isWritten({ store }: Held): Promise<boolean> {
  return store.stat(PACK).then(
    () => true,
    () => false,
  );
}

test("a held lock is refreshed by a new file every five minutes", async () => {
  const { context, clock, lock } = await holdLock(false);
  const names = new Set(await lockNames(context));

  for (let minute = 0; minute < 21; minute++) {
    await clock.pass(MINUTE);
    const [name = "", ...others] = await lockNames(context);
    expect(others).toEqual([]);
    names.add(name);
  }

  expect(names.size).toBe(5);
  expect(lock.isDoubtful).toBe(false);
  await lock.release();
  expect(await lockNames(context)).toEqual([]);
});

test("a held lock is refreshed though the wall clock is set back", async () => {
  const { context, clock, lock } = await holdLock(false);
  const [first] = await lockNames(context);
  clock.shiftWall(-3 * HOUR);

  await clock.pass(6 * MINUTE);

  expect(await lockNames(context)).not.toContain(first);
  await lock.release();
});

test("a held lock is lost when the store has refused to refresh it for too long", async () => {
  const held = await holdLock(false);
  held.store.on({ method: "write" }, { type: "fail", error: "unavailable" });

  await held.clock.pass(22 * MINUTE);
  expect(held.lock.lost.aborted).toBe(false);
  await held.clock.pass(MINUTE);

  expect(held.lock.lost.reason).toMatchObject({ code: "locked" });
  held.store.heal();
  await held.lock.release();
  expect(await lockNames(held.context)).toEqual([]);
});

test("a refresh that nobody confirmed leaves no lock behind", async () => {
  const { store, context, clock, lock } = await holdLock(false);
  store.on(
    { method: "write", kind: "lock" },
    { type: "fail", error: "unavailable", applied: true },
  );
  await clock.pass(12 * MINUTE);
  store.heal();

  await lock.release();

  expect(await lockNames(context)).toEqual([]);
});

test.each([true, false])(
  "after a sleep of the machine the next write waits until the lock is renewed (exclusive: %s)",
  async (exclusive) => {
    const held = await holdLock(exclusive);
    const before = await lockNames(held.context);
    held.clock.suspend(8 * HOUR);
    expect(held.lock.isDoubtful).toBe(true);

    await write(held);

    expect(held.lock.isDoubtful).toBe(false);
    expect(held.lock.lost.aborted).toBe(false);
    const [now, ...others] = await listLocks(held.context);
    expect(others).toEqual([]);
    expect(before).not.toContain(now?.name);
    expect(Date.parse(now?.lock?.time ?? "")).toBeGreaterThan(held.clock.wall() - MINUTE);
    await held.lock.release();
  },
);

test("after a sleep nothing is written if somebody removed the lock meanwhile", async () => {
  const held = await holdLock(false);
  held.clock.suspend(HOUR);
  await removeLocks(held.context, { all: true });

  await expect(write(held)).rejects.toMatchObject({
    code: "locked",
    message: expect.stringContaining("another process removed it") as string,
  });

  expect(await isWritten(held)).toBe(false);
  expect(held.lock.lost.aborted).toBe(true);
  expect(await lockNames(held.context)).toEqual([]);
  // And so it stays.
  await expect(write(held)).rejects.toMatchObject({ code: "locked" });
  await held.lock.release();
});

test("after a sleep nothing is written if somebody else has locked meanwhile", async () => {
  const held = await holdLock(false);
  held.clock.suspend(HOUR);
  await putLock(held.context, { exclusive: true });

  await expect(write(held)).rejects.toMatchObject({ code: "locked" });

  expect(await isWritten(held)).toBe(false);
  await held.lock.release();
  expect(await lockNames(held.context)).toHaveLength(1);
});

test("after a sleep a lock that is removed while it is renewed is lost, and leaves nothing behind", async () => {
  const held = await holdLock(false);
  const [before = ""] = await lockNames(held.context);
  held.clock.suspend(HOUR);
  const writing = held.guarded.write(PACK, new Uint8Array(1));
  writing.catch(() => undefined);
  await held.clock.pass(100);
  expect(await lockNames(held.context)).toHaveLength(2);
  await held.store.remove({ kind: "lock", name: before });

  await expect(held.clock.passUntil(writing, MINUTE)).rejects.toMatchObject({ code: "locked" });

  expect(await isWritten(held)).toBe(false);
  expect(await lockNames(held.context)).toEqual([]);
  await held.lock.release();
});

test("after a sleep the lock is renewed soon even if nothing is written", async () => {
  const { clock, lock } = await holdLock(false);
  clock.suspend(HOUR);

  await clock.pass(6_000);

  expect(lock.isDoubtful).toBe(false);
  await lock.release();
});

test("after a sleep a read does not wait, and neither does the removal of a lock", async () => {
  const held = await holdLock(false);
  await write(held);
  held.clock.suspend(HOUR);

  await held.guarded.read(PACK);
  await held.guarded.remove({ kind: "lock", name: "b".repeat(64) });

  expect(held.lock.isDoubtful).toBe(true);
  await held.lock.release();
});

test("a lock that was released keeps nobody from writing", async () => {
  const held = await holdLock(false);
  held.clock.suspend(HOUR);
  await removeLocks(held.context, { all: true });
  await held.lock.release();

  await write(held);

  expect(await isWritten(held)).toBe(true);
});

test("whoever releases a lock that somebody else is releasing waits until it is removed", async () => {
  const { store, context, lock } = await holdLock(false);
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  store.on({ method: "remove", kind: "lock" }, { type: "delay", until });

  void lock.release();
  const second = lock.release().then(() => lockNames(context));
  setImmediate(go);

  expect(await second).toEqual([]);
});
