import { expect, test } from "vitest";

import { TsbakError, type ErrorCode } from "../errors.ts";
import { describeBackend } from "../testing/backend-suite.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { CONFIG_REF } from "./backend.ts";
import type { Backend, FileInfo, FileRef } from "./backend.ts";
import { MemoryBackend } from "./memory.ts";
import { ReplacingBackend } from "../testing/replacing-backend.ts";
import { withRetry } from "./retry.ts";
import type { RetryOptions } from "./retry.ts";

const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };
const BYTES = Uint8Array.of(1, 2, 3);

describeBackend("withRetry()", async () => withRetry(new MemoryBackend()));

describeBackend("withRetry() of a store that replaces", async () =>
  withRetry(new ReplacingBackend()),
);

/** A clock that only sleeping moves. */
function setUp(
  options: RetryOptions = {},
  store: Backend = new MemoryBackend(),
): {
  faulty: FaultyBackend;
  backend: Backend;
  delays: number[];
} {
  const delays: number[] = [];
  let time = 0;
  const faulty = new FaultyBackend(store);
  const sleep = async (milliseconds: number): Promise<void> => {
    delays.push(milliseconds);
    time += milliseconds;
  };
  const clock = { sleep, now: () => time, random: () => 0.5 };
  return { faulty, delays, backend: withRetry(faulty, { ...clock, ...options }) };
}

function failTimes(faulty: FaultyBackend, times: number): void {
  for (let nth = 1; nth <= times; nth++) {
    faulty.on({ method: "read", nth }, { type: "fail", error: "unavailable" });
  }
}

test("withRetry() repeats what is unavailable, with delays that double", async () => {
  const { faulty, backend, delays } = setUp();
  await backend.write(PACK, BYTES);
  failTimes(faulty, 4);

  expect(await backend.read(PACK)).toEqual(BYTES);

  expect(delays).toEqual([1000, 2000, 4000, 8000]);
});

test("withRetry() gives up after the time allowed, but never before one repetition", async () => {
  const { faulty, backend, delays } = setUp({ giveUpAfterMs: 10_000 });
  faulty.on({ method: "read" }, { type: "fail", error: "unavailable" });
  await expect(backend.read(PACK)).rejects.toMatchObject({ code: "unavailable" });
  expect(delays).toEqual([1000, 2000, 4000]);

  const hasty = setUp({ giveUpAfterMs: 0 });
  hasty.faulty.on({ method: "read" }, { type: "fail", error: "unavailable" });
  await expect(hasty.backend.read(PACK)).rejects.toMatchObject({ code: "unavailable" });
  expect(hasty.delays).toEqual([1000]);
});

test("withRetry() waits as long as the store asks for, if that is within the time allowed", async () => {
  const { faulty, backend, delays } = setUp();
  await backend.write(PACK, BYTES);
  faulty.on({ method: "read", nth: 1 }, { type: "fail", error: busyFor(30_000) });
  faulty.on({ method: "read", nth: 2 }, { type: "fail", error: busyFor(10) });

  expect(await backend.read(PACK)).toEqual(BYTES);
  expect(delays).toEqual([30_000, 2000]);

  const patient = setUp();
  patient.faulty.on({ method: "read" }, { type: "fail", error: busyFor(3_600_000) });
  await expect(patient.backend.read(PACK)).rejects.toMatchObject({ code: "unavailable" });
  expect(patient.delays).toEqual([]);
});

function busyFor(retryAfterMs: number): TsbakError {
  const cause = Object.assign(new Error("503"), { retryAfterMs });
  return new TsbakError("unavailable", "Cannot read: the server is busy", { cause });
}

test("withRetry() counts the time to give up for all calls together while none succeeds", async () => {
  const { faulty, backend, delays } = setUp({ giveUpAfterMs: 8500 });
  faulty.on({ method: "read" }, { type: "fail", error: "unavailable" });
  await expect(backend.read(PACK)).rejects.toMatchObject({ code: "unavailable" });
  delays.length = 0;

  await expect(backend.read(PACK)).rejects.toMatchObject({ code: "unavailable" });
  expect(delays).toEqual([1000]);

  delays.length = 0;
  await backend.write(PACK, BYTES);
  await expect(backend.read(PACK)).rejects.toMatchObject({ code: "unavailable" });
  expect(delays).toEqual([1000, 2000, 4000]);
});

test("withRetry() tells of each failure that it repeats, and of the success after that", async () => {
  const notices: unknown[] = [];
  const { faulty, backend } = setUp({ onRetry: (notice) => notices.push(notice) });
  await backend.write(PACK, BYTES);
  failTimes(faulty, 2);

  await backend.read(PACK);
  await backend.read(PACK);

  expect(notices).toMatchObject([
    { kind: "failed", error: { code: "unavailable" }, delayMs: 1000 },
    { kind: "failed", delayMs: 2000 },
    { kind: "recovered", call: "read pack abababab", retries: 2 },
  ]);
});

test.each<ErrorCode>([
  "not-found",
  "denied",
  "no-space",
  "corrupt",
  "already-exists",
  "interrupted",
])("withRetry() does not repeat what is %s", async (code) => {
  const { faulty, backend, delays } = setUp();
  for (const method of ["read", "write", "stat", "remove", "create", "list"] as const) {
    faulty.on({ method }, { type: "fail", error: code });
  }

  await expect(backend.read(PACK)).rejects.toMatchObject({ code });
  await expect(backend.write(PACK, BYTES)).rejects.toMatchObject({ code });
  await expect(backend.stat(PACK)).rejects.toMatchObject({ code });
  await expect(backend.remove(PACK)).rejects.toMatchObject({ code });
  await expect(backend.create()).rejects.toMatchObject({ code });
  await expect(listAll(backend)).rejects.toMatchObject({ code });
  expect(delays).toEqual([]);
});

test("withRetry() takes its own file for success when the confirmation of a write was lost", async () => {
  for (const ref of [PACK, CONFIG_REF]) {
    const { faulty, backend } = setUp();
    faulty.on({ method: "write", nth: 1 }, { type: "fail", error: "unavailable", applied: true });

    await backend.write(ref, BYTES);

    expect(await backend.read(ref)).toEqual(BYTES);
    await expect(backend.write(ref, BYTES)).rejects.toMatchObject({ code: "already-exists" });
  }
});

test("withRetry() replaces a file again when that failed, and the confirmation of it was lost", async () => {
  for (const applied of [false, true]) {
    const { faulty, backend } = setUp({}, new ReplacingBackend());
    await backend.write(CONFIG_REF, BYTES);
    faulty.on({ method: "write", nth: 1 }, { type: "fail", error: "unavailable", applied });

    await backend.replace?.(CONFIG_REF, Uint8Array.of(4));

    expect(await backend.read(CONFIG_REF)).toEqual(Uint8Array.of(4));
    expect(faulty.calls.filter(({ method }) => method === "write").length).toBe(3);
  }
});

test("withRetry() does not take somebody else's config for its own", async () => {
  const { faulty, backend } = setUp();
  await backend.write(CONFIG_REF, Uint8Array.of(9, 9, 9));
  faulty.on({ method: "write", nth: 1 }, { type: "fail", error: "unavailable" });

  await expect(backend.write(CONFIG_REF, BYTES)).rejects.toMatchObject({ code: "already-exists" });
});

test("withRetry() lists each file once when the listing broke off", async () => {
  const inner = new MemoryBackend();
  for (const digit of "12345") await inner.write({ kind: "pack", name: digit.repeat(64) }, BYTES);
  const faulty = new FaultyBackend(inner);
  const breaksOff: Backend = Object.assign(Object.create(faulty) as Backend, {
    list: async function* () {
      let count = 0;
      for await (const file of faulty.list("pack")) {
        yield file;
        if (++count === 3 && faulty.calls.length === 1)
          await faulty.on({ method: "stat" }, { type: "fail", error: "unavailable" }).stat(PACK);
      }
    },
  });
  const backend = withRetry(breaksOff, { sleep: async () => {} });

  const names = (await listAll(backend)).map((file) => file.name[0]);

  expect(names).toEqual(["1", "2", "3", "4", "5"]);
  expect(faulty.calls.map((call) => call.method)).toEqual(["list", "stat", "list"]);
});

test("withRetry() stops waiting when the signal is aborted", async () => {
  const abort = new AbortController();
  const faulty = new FaultyBackend(new MemoryBackend());
  faulty.on({ method: "read" }, { type: "fail", error: "unavailable" });
  const backend = withRetry(faulty, { onRetry: () => abort.abort(), firstDelayMs: 60_000 });

  const reading = backend.read(PACK, undefined, { signal: abort.signal });

  await expect(reading).rejects.toMatchObject({ code: "interrupted" });
});

async function listAll(backend: Backend): Promise<FileInfo[]> {
  const files: FileInfo[] = [];
  for await (const file of backend.list("pack")) files.push(file);
  return files;
}
