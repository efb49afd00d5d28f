import { hostname } from "node:os";
import { expect, test, vi } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { DrivenClock } from "../testing/driven-clock.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { lockContext, lockNames, putLock } from "../testing/lock-samples.ts";
import { EarlyReads } from "./early-reads.ts";
import { listLocks } from "./lock-files.ts";
import { acquireLock } from "./locks.ts";

test("acquireLock() lets shared locks stand side by side", async () => {
  const context = await lockContext();

  const one = await acquireLock(context, { exclusive: false });
  const other = await acquireLock(context, { exclusive: false });

  expect(await lockNames(context)).toHaveLength(2);
  await one.release();
  await other.release();
  await other.release();
  expect(await lockNames(context)).toEqual([]);
});

test.each([
  [true, false],
  [false, true],
  [true, true],
])(
  "acquireLock() refuses exclusive=%s beside exclusive=%s, and leaves no lock",
  async (...pair) => {
    const context = await lockContext();
    const [first, second] = pair;
    const held = await acquireLock(context, { exclusive: first });

    await expect(acquireLock(context, { exclusive: second })).rejects.toMatchObject({
      code: "locked",
      message: expect.stringContaining(`PID ${process.pid} on ${hostname()}`) as string,
    });

    expect(await lockNames(context)).toHaveLength(1);
    await held.release();
  },
);

test("acquireLock() takes its lock back if somebody locked in the same moment", async () => {
  const context = await lockContext();
  const acquiring = acquireLock(context, { exclusive: true });
  await vi.waitFor(async () => expect(await lockNames(context)).toHaveLength(1));
  await putLock(context);

  await expect(acquiring).rejects.toMatchObject({ code: "locked" });

  expect((await listLocks(context)).map(({ lock }) => lock?.hostname)).toEqual(["elsewhere"]);
});

test("acquireLock() with settleLater tells of a conflict by `settled`", async () => {
  const context = await lockContext();
  const held = await acquireLock(context, { exclusive: false, settleLater: true });
  await putLock(context, { exclusive: true });

  await expect(held.settled).rejects.toMatchObject({ code: "locked" });
  await held.release();
  expect(await lockNames(context)).toHaveLength(1);
});

test("acquireLock() with settleLater is not content with what was there a while ago", async () => {
  const context = await lockContext();
  const early = new EarlyReads(context.backend);
  early.start({ locks: true });
  // As late as that its answer comes from before.
  await new Promise((resolve) => setImmediate(resolve));
  await putLock(context, { exclusive: true });
  const reader = { ...context, backend: early.backend };

  const acquiring = acquireLock(reader, { exclusive: false, settleLater: true });

  await expect(acquiring).rejects.toMatchObject({ code: "locked" });
  expect((await listLocks(context)).map(({ lock }) => lock?.hostname)).toEqual(["elsewhere"]);
});

test("acquireLock() with settleLater looks once more when it took long to write", async () => {
  const backend = new FaultyBackend(new MemoryBackend());
  const context = await lockContext(backend);
  const clock = new DrivenClock();
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  backend.on({ method: "write", kind: "lock" }, { type: "delay", until });

  const acquiring = acquireLock(context, { exclusive: false, settleLater: true, clock });
  await vi.waitFor(() => expect(lists(backend)).toBe(2));
  await clock.pass(200);
  go();
  const held = await acquiring;

  expect(lists(backend)).toBe(3);
  await clock.passUntil(held.release(), 1000);
});

function lists({ calls }: FaultyBackend): number {
  return calls.filter(({ method }) => method === "list").length;
}

test("acquireLock() is not helped by the time in another lock", async () => {
  const context = await lockContext();
  await putLock(context, { time: "2001-01-01T00:00:00Z", exclusive: true });

  await expect(acquireLock(context, { exclusive: false })).rejects.toMatchObject({
    code: "locked",
  });
});

test("acquireLock() with retryMs waits for the other to go", async () => {
  const context = await lockContext();
  const clock = new DrivenClock();
  const other = await putLock(context, { exclusive: true });
  const waits: number[] = [];

  const acquiring = acquireLock(context, {
    exclusive: false,
    retryMs: 5 * 60_000,
    clock,
    onWait: (_, waitMs) => {
      waits.push(waitMs);
      if (waits.length === 6) void context.backend.remove({ kind: "lock", name: other });
    },
  });

  const held = await clock.passUntil(acquiring, 5 * 60_000);
  await held.release();
  expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});

test("acquireLock() with retryMs gives up when that has passed", async () => {
  const context = await lockContext();
  const clock = new DrivenClock();
  await putLock(context, { exclusive: true });

  const acquiring = acquireLock(context, { exclusive: false, retryMs: 60_000, clock });

  await expect(clock.passUntil(acquiring, 60_001)).rejects.toMatchObject({ code: "locked" });
});

test("acquireLock() ignores empty lock files", async () => {
  const context = await lockContext();
  await context.backend.write({ kind: "lock", name: "0".repeat(64) }, new Uint8Array(0));

  await (await acquireLock(context, { exclusive: true })).release();
});

test("acquireLock() gives a lock that cannot be read 35 seconds to become readable, and then respects it", async () => {
  const context = await lockContext();
  const clock = new DrivenClock();
  await context.backend.write({ kind: "lock", name: "1".repeat(64) }, new Uint8Array(9));
  const startedAt = clock.steady();

  const acquiring = acquireLock(context, { exclusive: false, clock });

  await expect(clock.passUntil(acquiring, 60_000)).rejects.toMatchObject({
    code: "locked",
    message: expect.stringContaining("lock 11111111 cannot be read") as string,
  });
  expect(clock.steady() - startedAt).toBe(35_000);
});
