import { expect, test } from "vitest";

import { describeBackend } from "../testing/backend-suite.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import type { FileRef } from "./backend.ts";
import { withLimit } from "./limit.ts";
import { MemoryBackend } from "./memory.ts";

describeBackend("withLimit(1)", async () => withLimit(new MemoryBackend(), 1));

const ref = (digit: string): FileRef => ({ kind: "pack", name: digit.repeat(64) });

test("withLimit() lets a call wait until another has ended", async () => {
  let release = (): void => {};
  const until = new Promise<void>((resolve) => (release = resolve));
  const faulty = new FaultyBackend(new MemoryBackend()).on(
    { method: "write", nth: 1 },
    { type: "delay", until },
  );
  const backend = withLimit(faulty, 1);

  const first = backend.write(ref("1"), Uint8Array.of(1));
  const second = backend.write(ref("2"), Uint8Array.of(2));
  expect(
    (await faulty.inner.stat(ref("2")).catch((error: unknown) => error)) instanceof Error,
  ).toBe(true);
  release();
  await Promise.all([first, second]);

  expect(faulty.calls.map((call) => call.ref?.name[0])).toEqual(["1", "2"]);
});

test("withLimit() lets a loop over a listing make calls of its own", async () => {
  const backend = withLimit(new MemoryBackend(), 1);
  for (const digit of "123") await backend.write(ref(digit), Uint8Array.of(1));

  for await (const file of backend.list("pack"))
    await backend.remove({ kind: "pack", name: file.name });

  for await (const file of backend.list("pack")) expect.fail(file.name);
});

test("withLimit() lets no lock wait", async () => {
  let release = (): void => {};
  const until = new Promise<void>((resolve) => (release = resolve));
  const faulty = new FaultyBackend(new MemoryBackend()).on(
    { method: "write", kind: "pack" },
    { type: "delay", until },
  );
  const backend = withLimit(faulty, 1);
  const lock: FileRef = { kind: "lock", name: "a".repeat(64) };

  const pack = backend.write(ref("1"), Uint8Array.of(1));
  await backend.write(lock, Uint8Array.of(2));
  const names: string[] = [];
  for await (const { name } of backend.list("lock")) names.push(name);
  await backend.remove(lock);

  expect(names).toEqual([lock.name]);
  expect(faulty.calls.every(({ ref }) => ref?.kind === "lock")).toBe(true);
  release();
  await pack;
});
