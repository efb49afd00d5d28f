import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { FileRef } from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { StateFolder } from "../../fs/state-folder.ts";
import { listLocks } from "../../repository/lock-files.ts";
import type { LockNotice, LockSettings } from "../../repository/locks.ts";
import { Repository } from "../../repository/repository.ts";
import { removeLocks } from "../../repository/stale-locks.ts";
import { DrivenClock } from "../../testing/driven-clock.ts";
import { DrivenMachine } from "../../testing/driven-machine.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { lockNames, putLock } from "../../testing/lock-samples.ts";
import { TestingRepository } from "../../testing/sample-repository.ts";
import { MirrorLocks } from "./mirror-locks.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const LONG_AGO = "2020-01-01T00:00:00Z";
const PACK: FileRef = { kind: "pack", name: "a".repeat(64) };
const SIDES = ["source", "target"] as const;
type Side = (typeof SIDES)[number];

let clock: DrivenClock;
/** Both places, as somebody else sees them. */
let places: Record<Side, Repository>;
let stores: Record<Side, FaultyBackend>;
beforeEach(async () => {
  clock = new DrivenClock();
  const { repository } = await TestingRepository.create();
  const store = (location: string): FaultyBackend =>
    new FaultyBackend(new MemoryBackend({ location }));
  stores = { source: store("source"), target: store("target") };
  const at = (backend: FaultyBackend): Repository =>
    new Repository({ ...partsOf(repository), backend, locking: { clock } });
  places = { source: at(stores.source), target: at(stores.target) };
});

function partsOf({ config, masterKey, keyId, zstd }: Repository) {
  return { config, masterKey, keyId, zstd };
}

function locksOf(
  options: ConstructorParameters<typeof MirrorLocks>[2] = {},
  { state, ...settings }: Partial<LockSettings> = {},
): MirrorLocks {
  const source = new Repository({
    ...partsOf(places.source),
    backend: stores.source,
    state,
    locking: { clock, ...settings },
  });
  return new MirrorLocks(source, stores.target, options);
}

/** Lock both sides as a mirror does. */
async function lockBoth(locks: MirrorLocks): Promise<void> {
  await clock.passUntil(locks.lockSource(), HOUR);
  await clock.passUntil(locks.lockTarget(), HOUR);
}

/** Whether each lock of a side is exclusive. */
async function kindsAt(side: Side): Promise<boolean[]> {
  return (await listLocks(places[side])).map(({ lock }) => lock!.exclusive);
}

test("both sides are locked against whoever deletes, the target against everybody while files go, and then neither", async () => {
  const locks = locksOf();

  await lockBoth(locks);
  expect([await kindsAt("source"), await kindsAt("target")]).toEqual([[false], [false]]);
  await clock.passUntil(locks.excludeFromTarget(), HOUR);
  expect([await kindsAt("source"), await kindsAt("target")]).toEqual([[false], [true]]);
  await locks.confirm();
  await locks.release();

  expect([await kindsAt("source"), await kindsAt("target")]).toEqual([[], []]);
});

test("the locks of a mirror that died are removed at once on both sides, whichever is worked on first", async () => {
  const base = mkdtempSync(join(tmpdir(), "tsbak-mirror-"));
  onTestFinished(() => rmSync(base, { recursive: true }));
  const machine = new DrivenMachine(clock);
  const notices: LockNotice[] = [];
  const settings = {
    state: new StateFolder(base, "repository"),
    machine,
    onNotice: (notice: LockNotice): unknown => notices.push(notice),
  };
  await lockBoth(locksOf({}, settings));
  machine.die();

  const locks = locksOf({}, settings);
  await lockBoth(locks);

  expect(notices).toMatchObject([{ kind: "left-behind" }, { kind: "left-behind" }]);
  expect([await kindsAt("source"), await kindsAt("target")]).toEqual([[false], [false]]);
  await locks.release();
  expect(settings.state.names()).toEqual([]);
});

test("a dry run locks the source only", async () => {
  const locks = locksOf({ dryRun: true });

  await lockBoth(locks);
  await locks.excludeFromTarget();

  expect([await kindsAt("source"), await kindsAt("target")]).toEqual([[false], []]);
  await locks.release();
});

const HELD = [
  { side: "source", exclusive: true, isRefused: true },
  { side: "source", exclusive: false, isRefused: false },
  { side: "target", exclusive: true, isRefused: true },
  // It may be of a prune that removes packs beside others.
  { side: "target", exclusive: false, isRefused: true },
] as const;

test.each(HELD)(
  "a lock of somebody else at the $side (exclusive: $exclusive) is in the way: $isRefused, however old it is",
  async ({ side, exclusive, isRefused }) => {
    for (const time of [new Date(clock.wall()).toISOString(), LONG_AGO]) {
      const name = await putLock(places[side], { exclusive, time });
      const locks = locksOf();
      const locking = lockBoth(locks);

      if (isRefused) await expect(locking).rejects.toMatchObject({ code: "locked" });
      else await locking;

      await locks.release();
      expect(await lockNames(places.source)).toEqual(side === "source" ? [name] : []);
      expect(await lockNames(places.target)).toEqual(side === "target" ? [name] : []);
      await stores[side].remove({ kind: "lock", name });
    }
  },
);

describe.each(HELD.filter(({ isRefused }) => isRefused))(
  "a lock of somebody else at the $side (exclusive: $exclusive)",
  ({ side, exclusive }) => {
    test("is waited for if that is wished", async () => {
      const name = await putLock(places[side], { exclusive });
      const waits: string[] = [];
      const lock = {
        retryMs: HOUR,
        onWait: ({ message }: Error) => {
          waits.push(message);
          if (waits.length === 2) void stores[side].remove({ kind: "lock", name });
        },
      };
      const locks = locksOf({ lock });

      await lockBoth(locks);

      expect(waits).toHaveLength(2);
      expect([await kindsAt("source"), await kindsAt("target")]).toEqual([[false], [false]]);
      await locks.release();
    });

    test("is removed if nobody refreshes it and that is wished", async () => {
      await putLock(places[side], { exclusive, time: LONG_AGO });
      const locks = locksOf({}, { autoUnlock: true });

      await lockBoth(locks);

      expect([await kindsAt("source"), await kindsAt("target")]).toEqual([[false], [false]]);
      await locks.release();
    });
  },
);

test("whoever comes to the target in the same moment is in the way", async () => {
  const locks = locksOf();
  await clock.passUntil(locks.lockSource(), HOUR);
  // Between the exclusive lock, with which nobody is there, and the shared one.
  let resolve = (): void => undefined;
  const promise = new Promise<void>((resolved) => (resolve = resolved));
  stores.target.on({ method: "write", kind: "lock", nth: 2 }, { type: "delay", until: promise });
  const locking = locks.lockTarget();
  await clock.pass(MINUTE);
  expect(await kindsAt("target")).toEqual([]);
  stores.target.heal();
  const other = await putLock(places.target, { exclusive: false });
  resolve();

  await expect(clock.passUntil(locking, HOUR)).rejects.toThrow("somebody began to work there");
  await locks.release();
  expect(await lockNames(places.target)).toEqual([other]);
});

describe.each(SIDES)("a lock of the %s that is lost", (side) => {
  test("ends the run, and is named as the reason", async () => {
    const locks = locksOf();
    await lockBoth(locks);
    stores[side].on({ method: "write", kind: "lock" }, { type: "fail", error: "unavailable" });

    await clock.pass(22 * MINUTE);
    expect(locks.signal.aborted).toBe(false);
    await clock.pass(MINUTE);

    expect(locks.signal.aborted).toBe(true);
    const reason = locks.lossOr(new Error("aborted somewhere"));
    expect(reason).toMatchObject({ code: "locked" });
    stores[side].heal();
    await locks.release();
    expect([await kindsAt("source"), await kindsAt("target")]).toEqual([[], []]);
  });

  test("in a sleep, at the end of the run, makes that fail", async () => {
    const locks = locksOf();
    await lockBoth(locks);
    clock.suspend(HOUR);
    await removeLocks(places[side], { all: true });

    await expect(clock.passUntil(locks.confirm(), HOUR)).rejects.toMatchObject({ code: "locked" });
    await locks.release();
  });
});

test("while a lock of the target is in doubt nothing is written or removed there", async () => {
  const locks = locksOf();
  await lockBoth(locks);
  await locks.target.write(PACK, new Uint8Array(1));
  clock.suspend(HOUR);
  await removeLocks(places.target, { all: true });

  const work = [
    () => locks.target.remove(PACK),
    () => locks.target.write({ ...PACK, name: "b".repeat(64) }, new Uint8Array(1)),
  ];

  for (const one of work) {
    await expect(clock.passUntil(one(), HOUR)).rejects.toMatchObject({ code: "locked" });
  }
  expect((await stores.target.stat(PACK)).size).toBe(1);
  await locks.release();
});

test("an error that has nothing to do with locks stays what it is", async () => {
  const locks = locksOf();
  await lockBoth(locks);
  const error = new Error("disk full");

  expect(locks.lossOr(error)).toBe(error);
  await locks.release();
});
