import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { wrapCalls } from "../backend/wrap-calls.ts";
import { THIS_MACHINE, type Machine } from "../fs/machine.ts";
import { StateFolder } from "../fs/state-folder.ts";
import { DrivenClock } from "../testing/driven-clock.ts";
import { DrivenMachine } from "../testing/driven-machine.ts";
import { lockContext, lockNames, putLock } from "../testing/lock-samples.ts";
import { acquireLock, type HeldLock, type LockNotice } from "./locks.ts";
import type { UnpackedContext } from "./unpacked.ts";

let base: string;
let state: StateFolder;
let context: UnpackedContext;
let clock: DrivenClock;
let machine: DrivenMachine;
let notices: LockNotice[];

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "tsbak-own-"));
  state = new StateFolder(base, "repository");
  context = await lockContext();
  clock = new DrivenClock();
  machine = new DrivenMachine(clock);
  notices = [];
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

function acquire(by: Machine = machine): Promise<HeldLock> {
  const onNotice = (notice: LockNotice): unknown => notices.push(notice);
  const options = { exclusive: true, state, clock, machine: by, onNotice };
  return clock.passUntil(acquireLock(context, options), 60_000);
}

test("the lock of a dead process of ours is removed at once, the one it was refreshed to as well", async () => {
  await acquire();
  await clock.pass(7 * 60_000);
  machine.die();

  const lock = await acquire();

  expect(notices).toMatchObject([{ kind: "left-behind", entry: { lock: { pid: process.pid } } }]);
  await lock.release();
  expect(await lockNames(context)).toEqual([]);
  expect(state.names()).toEqual([]);
});

test("the lock of a dead process in another place of the same repository is remembered until that is worked on", async () => {
  const elsewhere: UnpackedContext = {
    ...context,
    backend: new MemoryBackend({ location: "elsewhere" }),
  };
  const here = context;
  context = elsewhere;
  await acquire();
  machine.die();

  context = here;
  await (await acquire()).release();
  expect(notices).toEqual([]);
  context = elsewhere;
  await (await acquire()).release();

  expect(notices).toMatchObject([{ kind: "left-behind" }]);
  expect(state.names()).toEqual([]);
});

test("the lock of a dead process is found by another name of the place", async () => {
  await acquire();
  machine.die();
  const location = "the same place";
  const { backend } = context;
  const renamed = wrapCalls(backend, (_, options) => ({ options, run: (work) => work() }));
  context = { ...context, backend: { ...renamed, location } };

  await (await acquire()).release();

  expect(notices).toMatchObject([{ kind: "left-behind" }]);
  expect(state.names()).toEqual([]);
});

test("the lock of a living process of ours stays", async () => {
  const lock = await acquire();

  await expect(acquire()).rejects.toMatchObject({ code: "locked" });

  await lock.release();
  expect(state.names()).toEqual(["lock-sightings"]);
});

test("the lock of a process that only looks like a dead one of ours stays", async () => {
  await putLock(context, { hostname: hostname(), pid: 2 ** 22 + 1, exclusive: true });

  await expect(acquire()).rejects.toMatchObject({ code: "locked" });

  expect(notices).toEqual([]);
});

test("after a start of the machine nothing is known of dead processes", async () => {
  await acquire();
  machine.die();
  machine.boot = "boot-2";

  await expect(acquire()).rejects.toMatchObject({ code: "locked" });

  expect(state.names()).toEqual(["lock-sightings"]);
});

test("a record that names the lock of another process removes nothing", async () => {
  const name = await putLock(context, { exclusive: true, pid: 12 });
  const record = { ...machine.self, names: [name] };
  state.write("own-lock-x", Buffer.from(JSON.stringify(record)));
  machine.die();

  await expect(acquire()).rejects.toMatchObject({ code: "locked" });
});

test.each(["{", '{"names":["../../x"]}', '{"names":7}'])(
  "a damaged record is removed: %s",
  async (text) => {
    await (await acquire()).release();
    writeFileSync(join(base, "repository", "own-lock-x"), text);

    await (await acquire()).release();

    expect(state.names()).toEqual([]);
  },
);

test("locks are taken though nothing can be remembered", async () => {
  writeFileSync(join(base, "file"), "");
  state = new StateFolder(join(base, "file"), "repository");

  await (await acquire()).release();

  expect(await lockNames(context)).toEqual([]);
});

test.runIf(process.platform === "linux")(
  "this machine tells processes apart by their start",
  () => {
    const self = THIS_MACHINE.self;
    if (self === undefined) throw new Error("Linux says who a process is");

    expect(self.pid).toBe(process.pid);
    expect(THIS_MACHINE.isGone(self)).toBe(false);
    expect(THIS_MACHINE.isGone({ ...self, start: "1" })).toBe(true);
    expect(THIS_MACHINE.isGone({ ...self, pid: 2 ** 22 + 1 })).toBe(true);
    expect(THIS_MACHINE.isGone({ ...self, pid: 2 ** 22 + 1, boot: "other" })).toBe(false);
    expect(THIS_MACHINE.isGone({ ...self, pid: 2 ** 22 + 1, pidSpace: "other" })).toBe(false);
  },
);
