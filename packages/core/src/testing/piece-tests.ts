import { expect, test } from "vitest";

import { throwIfAborted } from "../async/interrupted.ts";
import type { Backend, CallOptions } from "../backend/backend.ts";
import { bytesOf, listAll, sameBytes, someRef } from "./sample-files.ts";

/** The tests of `CallOptions.onBytes`. A backend may report pieces or not, if `isReporting` is false; if it does, then all. */
export function pieceTests(backend: () => Backend, isReporting: boolean): void {
  test("write() and read() wait for whoever holds pieces back, and report each byte once or none", async () => {
    const ref = someRef("pack");
    const bytes = bytesOf(1_000_000);
    const range = { offset: 1000, length: 900_000 };
    let isHeld = false;
    let reported = 0;
    const onBytes = async (count: number): Promise<void> => {
      reported += count;
      expect(isHeld).toBe(false);
      isHeld = true;
      await new Promise((resolve) => setImmediate(resolve));
      isHeld = false;
    };
    const sums = (total: number): number[] => (isReporting ? [total] : [0, total]);
    const sumOf = async (call: Promise<unknown>): Promise<number> => {
      reported = 0;
      await call;
      return reported;
    };

    expect(sums(bytes.length)).toContain(await sumOf(backend().write(ref, bytes, { onBytes })));
    expect(sums(bytes.length)).toContain(await sumOf(backend().read(ref, undefined, { onBytes })));
    expect(sums(range.length)).toContain(await sumOf(backend().read(ref, range, { onBytes })));
    expect(sameBytes(await backend().read(ref, undefined, { onBytes }), bytes)).toBe(true);
  });

  test("write() and read() end as interrupted when they are aborted while a piece is held back", async () => {
    const ref = someRef("pack");
    const bytes = bytesOf(1_000_000);
    const [writing] = await Promise.allSettled([backend().write(ref, bytes, abortedInside())]);
    if (writing.status === "rejected")
      expect(writing.reason).toMatchObject({ code: "interrupted" });
    if ((await listAll(backend(), "pack")).length === 0) await backend().write(ref, bytes);
    const [reading] = await Promise.allSettled([backend().read(ref, undefined, abortedInside())]);
    if (reading.status === "rejected")
      expect(reading.reason).toMatchObject({ code: "interrupted" });

    expect(sameBytes(await backend().read(ref), bytes)).toBe(true);
  });
}

/** Options of a call that is aborted while its first piece is held back. */
function abortedInside(): CallOptions {
  const controller = new AbortController();
  const onBytes = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    throwIfAborted(controller.signal);
  };
  return { signal: controller.signal, onBytes };
}
