import { expect, test } from "vitest";

import type { FileRef } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { describeBackend } from "./backend-suite.ts";
import { FaultyBackend } from "./faulty-backend.ts";

const A: FileRef = { kind: "pack", name: "aa".repeat(32) };
const B: FileRef = { kind: "pack", name: "bb".repeat(32) };
const INDEX: FileRef = { kind: "index", name: "cc".repeat(32) };
const BYTES = Uint8Array.of(1, 2, 3, 4);

describeBackend("FaultyBackend without rules", async () => new FaultyBackend(new MemoryBackend()));

test("FaultyBackend fails the nth call that matches, and only that", async () => {
  const backend = new FaultyBackend(new MemoryBackend());
  backend.on({ method: "write", kind: "pack", nth: 2 }, { type: "fail", error: "no-space" });

  await backend.write(A, BYTES);
  await backend.write(INDEX, BYTES);
  await expect(backend.write(B, BYTES)).rejects.toMatchObject({ code: "no-space" });
  await expect(backend.stat(B)).rejects.toMatchObject({ code: "not-found" });
  await backend.write(B, BYTES);

  expect(backend.calls.map((call) => `${call.method} ${call.outcome}`)).toEqual([
    "write done",
    "write done",
    "write failed",
    "stat failed",
    "write done",
  ]);
  expect(backend.calls[0]).toEqual({ method: "write", ref: A, size: 4, outcome: "done" });
});

test("FaultyBackend loses a confirmation while the write takes effect", async () => {
  const backend = new FaultyBackend(new MemoryBackend());
  backend.on({ method: "write" }, { type: "fail", error: "unavailable", applied: true });

  await expect(backend.write(A, BYTES)).rejects.toMatchObject({ code: "unavailable" });

  expect(await backend.read(A)).toEqual(BYTES);
});

test("FaultyBackend damages what is read, and truncates what is read or written", async () => {
  const backend = new FaultyBackend(new MemoryBackend());
  await backend.write(A, BYTES);

  backend.on({ method: "read" }, { type: "flip", offset: -1 });
  expect(await backend.read(A)).toEqual(Uint8Array.of(1, 2, 3, 251));
  backend.heal().on({ method: "read" }, { type: "truncate", length: 2 });
  expect(await backend.read(A)).toEqual(Uint8Array.of(1, 2));
  backend.heal().on({ method: "write" }, { type: "truncate", length: 3 });
  await backend.write(B, BYTES);
  expect(await backend.heal().read(B)).toEqual(Uint8Array.of(1, 2, 3));
  expect(await backend.read(A)).toEqual(BYTES);
});

test("FaultyBackend holds a call until it is let go", async () => {
  const backend = new FaultyBackend(new MemoryBackend());
  let release = (): void => {};
  const until = new Promise<void>((resolve) => (release = resolve));
  backend.on({ method: "write", name: A.name }, { type: "delay", until });

  const writing = backend.write(A, BYTES);
  await backend.write(B, BYTES);
  await expect(backend.stat(A)).rejects.toMatchObject({ code: "not-found" });
  release();
  await writing;

  expect((await backend.stat(A)).size).toBe(4);
});

test.each([true, false])(
  "crashAt() ends everything at the nth write (applied: %s)",
  async (applied) => {
    const backend = new FaultyBackend(new MemoryBackend());
    await backend.write(INDEX, BYTES);
    backend.crashAt(2, { applied });

    await backend.write(A, BYTES);
    expect(backend.crashed).toBe(false);
    await expect(backend.write(B, BYTES)).rejects.toMatchObject({ code: "unavailable" });
    await expect(backend.read(A)).rejects.toMatchObject({ code: "unavailable" });
    await expect(backend.remove(A)).rejects.toMatchObject({ code: "unavailable" });
    expect(backend.crashed).toBe(true);

    backend.heal();
    const names: string[] = [];
    for await (const file of backend.list("pack")) names.push(file.name);
    expect(names).toEqual(applied ? [A.name, B.name] : [A.name]);
  },
);
