import { setImmediate as turn } from "node:timers/promises";

import { expect, test } from "vitest";

import { throwIfAborted } from "../async/interrupted.ts";
import { describeBackend } from "../testing/backend-suite.ts";
import type { Backend, CallOptions, FileInfo, FileRef } from "./backend.ts";
import { MemoryBackend } from "./memory.ts";
import { withWatchdog } from "./watchdog.ts";

describeBackend("withWatchdog()", async () => withWatchdog(new MemoryBackend()));

const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };
const MIB = 1 << 20;

/** A store whose writes do what the test says, and whose listings end never. */
class ScriptedBackend extends MemoryBackend {
  script: (options: CallOptions) => Promise<void> = (options) => aborted(options.signal);

  override async write(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.script(options);
    throwIfAborted(options.signal);
    await super.write(ref, bytes);
  }

  override async *list(_: unknown, options?: CallOptions): AsyncIterable<FileInfo> {
    yield { name: "1".repeat(64), size: 1 };
    await aborted(options?.signal);
    throwIfAborted(options?.signal);
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
}

/** Timers that ring when the test lets time pass. */
class Timers {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly ring: () => void }>();

  readonly start = (milliseconds: number, ring: () => void): (() => void) => {
    const timer = { at: this.#now + milliseconds, ring };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  get running(): number {
    return this.#timers.size;
  }

  async pass(milliseconds: number): Promise<void> {
    await turn();
    this.#now += milliseconds;
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.ring();
    }
    await turn();
  }
}

function setUp(): { inner: ScriptedBackend; backend: Backend; timers: Timers } {
  const inner = new ScriptedBackend();
  const timers = new Timers();
  return {
    inner,
    timers,
    backend: withWatchdog(inner, { stuckMs: 1000, startTimer: timers.start }),
  };
}

/** What has become of a promise so far. */
function watch(promise: Promise<unknown>): { state: string } {
  const seen = { state: "pending" };
  promise.then(
    () => (seen.state = "done"),
    (error: { code: string; message: string }) => (seen.state = `${error.code}: ${error.message}`),
  );
  return seen;
}

test("withWatchdog() ends a call of which nobody hears, and leaves no timer", async () => {
  const { backend, timers } = setUp();
  const call = watch(backend.write(PACK, new Uint8Array(0)));

  await timers.pass(999);
  expect(call.state).toBe("pending");
  await timers.pass(1);

  expect(call.state).toBe(
    "unavailable: Cannot write pack abababab in memory: nothing moved for 1 s",
  );
  expect(timers.running).toBe(0);
});

test("withWatchdog() gives a store that reports nothing time by the size of the file", async () => {
  const { backend, timers } = setUp();
  const call = watch(backend.write(PACK, new Uint8Array(MIB)));

  await timers.pass(1000 + MIB / 32 - 1);
  expect(call.state).toBe("pending");
  await timers.pass(1);

  expect(call.state).toContain("unavailable");
});

test("withWatchdog() does not wait longer for the first piece of a store that reports them", async () => {
  const timers = new Timers();
  const inner = Object.assign(new ScriptedBackend(), { reportsPieces: true });
  const backend = withWatchdog(inner, { stuckMs: 1000, startTimer: timers.start });
  const call = watch(backend.write(PACK, new Uint8Array(MIB)));

  await timers.pass(999);
  expect(call.state).toBe("pending");
  await timers.pass(1);

  expect(call.state).toContain("unavailable");
});

test("withWatchdog() lets a call go on as long as bytes move", async () => {
  const { inner, backend, timers } = setUp();
  inner.script = async ({ onBytes }) => {
    for (let count = 0; count < 10; count++) {
      await onBytes?.(1);
      await timers.pass(999);
    }
  };

  await backend.write(PACK, new Uint8Array(10));

  expect(timers.running).toBe(0);
});

test("withWatchdog() gives no time by the size to a store that has reported pieces", async () => {
  const { inner, backend, timers } = setUp();
  inner.script = async ({ onBytes }) => onBytes?.(1);
  await backend.write(PACK, new Uint8Array(2));
  inner.script = ({ signal }) => aborted(signal);

  const call = watch(backend.write({ ...PACK, name: "cd".repeat(32) }, new Uint8Array(MIB)));
  await timers.pass(1000);

  expect(call.state).toContain("unavailable");
});

test("withWatchdog() does not take a file that is reported whole for a sign that pieces are", async () => {
  const { inner, backend, timers } = setUp();
  inner.script = async ({ onBytes }) => onBytes?.(2);
  await backend.write(PACK, new Uint8Array(2));
  inner.script = ({ signal }) => aborted(signal);

  const call = watch(backend.write({ ...PACK, name: "cd".repeat(32) }, new Uint8Array(MIB)));
  await timers.pass(1000);

  expect(call.state).toBe("pending");
  await timers.pass(MIB / 32);
  expect(call.state).toContain("unavailable");
});

test("withWatchdog() does not count the time in which the caller holds a piece back", async () => {
  const { inner, backend, timers } = setUp();
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  inner.script = async ({ onBytes, signal }) => {
    await onBytes?.(1);
    await aborted(signal);
  };

  const call = watch(backend.write(PACK, new Uint8Array(1), { onBytes: () => held }));
  await timers.pass(1_000_000);
  expect(call.state).toBe("pending");
  release();
  await timers.pass(0);
  await timers.pass(1000);

  expect(call.state).toContain("unavailable");
});

test("withWatchdog() watches each step of a listing, not what the caller does between", async () => {
  const { backend, timers } = setUp();
  const files = backend.list("pack")[Symbol.asyncIterator]();

  await files.next();
  await timers.pass(1_000_000);
  const step = watch(files.next());
  await timers.pass(1000);

  expect(step.state).toContain("unavailable: Cannot list pack files in memory: nothing moved");
});

test("withWatchdog() passes the caller's signal on, which ends a call as interrupted", async () => {
  const { backend, timers } = setUp();
  const abort = new AbortController();

  const writing = backend.write(PACK, new Uint8Array(0), { signal: abort.signal });
  abort.abort();

  await expect(writing).rejects.toMatchObject({ code: "interrupted" });
  expect(timers.running).toBe(0);
});
