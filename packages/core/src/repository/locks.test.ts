import { hostname } from "node:os";
import { expect, test, vi } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { loadZstd } from "../compress/zstd.ts";
import { generateMasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { Sealer } from "../crypto/sealer.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { encodeLockFile, type LockFile } from "../format/lock-file.ts";
import { acquireLock, isStaleLock, listLocks, removeLocks } from "./locks.ts";
import { saveUnpacked, type UnpackedContext } from "./unpacked.ts";

async function openContext(): Promise<UnpackedContext> {
  const key = generateMasterKey();
  return {
    backend: new MemoryBackend(),
    sealer: new Sealer(key),
    opener: new Opener(key),
    zstd: await loadZstd(),
    version: 2,
  };
}

const DEAD_PID = 2 ** 22 + 1;

function lockOf(change: Partial<LockFile>): LockFile {
  return {
    time: new Date().toISOString(),
    exclusive: false,
    hostname: "elsewhere",
    username: "ana",
    pid: 1,
    uid: 0,
    gid: 0,
    extra: {},
    ...change,
  };
}

async function countLocks(context: UnpackedContext): Promise<number> {
  return (await listLocks(context)).length;
}

test("acquireLock() lets shared locks stand side by side", async () => {
  const context = await openContext();

  const one = await acquireLock(context, { exclusive: false });
  const other = await acquireLock(context, { exclusive: false });

  expect(await countLocks(context)).toBe(2);
  await one.release();
  await other.release();
  await other.release();
  expect(await countLocks(context)).toBe(0);
});

test.each([
  [true, false],
  [false, true],
  [true, true],
])(
  "acquireLock() refuses exclusive=%s beside exclusive=%s, and leaves no lock",
  async (...pair) => {
    const context = await openContext();
    const [first, second] = pair;
    const held = await acquireLock(context, { exclusive: first });

    await expect(acquireLock(context, { exclusive: second })).rejects.toMatchObject({
      code: "locked",
      message: expect.stringContaining(`PID ${process.pid} on ${hostname()}`) as string,
    });

    expect(await countLocks(context)).toBe(1);
    await held.release();
  },
);

test("acquireLock() takes its lock back if somebody locked in the same moment", async () => {
  const context = await openContext();
  const acquiring = acquireLock(context, { exclusive: true });
  await vi.waitFor(async () => expect(await countLocks(context)).toBe(1));
  await saveUnpacked(context, "lock", encodeLockFile(lockOf({})));

  await expect(acquiring).rejects.toMatchObject({ code: "locked" });

  expect((await listLocks(context)).map((entry) => entry.lock?.hostname)).toEqual(["elsewhere"]);
});

test("acquireLock() with settleLater tells of a conflict by `settled`", async () => {
  const context = await openContext();
  const held = await acquireLock(context, { exclusive: false, settleLater: true });
  await saveUnpacked(context, "lock", encodeLockFile(lockOf({ exclusive: true })));

  await expect(held.settled).rejects.toMatchObject({ code: "locked" });
  await held.release();
  expect(await countLocks(context)).toBe(1);
});

test("acquireLock() is not helped by the age of another lock: only unlock removes it", async () => {
  const context = await openContext();
  const stale = lockOf({ time: "2001-01-01T00:00:00Z", exclusive: true });
  await saveUnpacked(context, "lock", encodeLockFile(stale));

  await expect(acquireLock(context, { exclusive: false })).rejects.toMatchObject({
    code: "locked",
  });

  expect(await removeLocks(context)).toBe(1);
  await (await acquireLock(context, { exclusive: true })).release();
});

test("acquireLock() with retryMs waits for the other to go", async () => {
  const context = await openContext();
  const held = await acquireLock(context, { exclusive: true });
  const waits: number[] = [];

  const waiting = acquireLock(context, {
    exclusive: false,
    retryMs: 300,
    onWait: (_, waitMs) => {
      waits.push(waitMs);
      void held.release();
    },
  });

  await (await waiting).release();
  expect(waits).toHaveLength(1);
});

test("acquireLock() ignores empty lock files", async () => {
  const context = await openContext();
  await context.backend.write({ kind: "lock", name: "0".repeat(64) }, new Uint8Array(0));

  await (await acquireLock(context, { exclusive: true })).release();
});

test("isStaleLock() goes by age, and by the process on this host only", () => {
  const recent = new Date(Date.now() - 29 * 60_000).toISOString();
  const old = new Date(Date.now() - 31 * 60_000).toISOString();

  expect(isStaleLock(lockOf({ time: recent }))).toBe(false);
  expect(isStaleLock(lockOf({ time: old }))).toBe(true);
  expect(isStaleLock(lockOf({ pid: DEAD_PID }))).toBe(false);
  expect(isStaleLock(lockOf({ pid: DEAD_PID, hostname: hostname() }))).toBe(true);
  expect(isStaleLock(lockOf({ pid: process.pid, hostname: hostname() }))).toBe(false);
});

test("removeLocks() leaves locks that may be held, unless it is told to remove all", async () => {
  const context = await openContext();
  const held = await acquireLock(context, { exclusive: false });

  expect(await removeLocks(context)).toBe(0);
  expect(await removeLocks(context, { all: true })).toBe(1);
  expect(await countLocks(context)).toBe(0);
  await held.release();
});

test("a held lock is refreshed by a new file, and is lost when that fails for too long", async () => {
  vi.useFakeTimers();
  try {
    const backend = new FaultyBackend(new MemoryBackend());
    const context = { ...(await openContext()), backend };
    const acquiring = acquireLock(context, { exclusive: false });
    await vi.advanceTimersByTimeAsync(250);
    const held = await acquiring;
    const [first] = await listLocks(context);

    await vi.advanceTimersByTimeAsync(6 * 60_000);
    const [second] = await listLocks(context);
    expect(second?.name).not.toBe(first?.name);
    expect(await countLocks(context)).toBe(1);

    backend.on({ method: "write" }, { type: "fail", error: "unavailable" });
    await vi.advanceTimersByTimeAsync(23 * 60_000);
    expect(held.lost.aborted).toBe(true);
    await held.release();
  } finally {
    vi.useRealTimers();
  }
});
