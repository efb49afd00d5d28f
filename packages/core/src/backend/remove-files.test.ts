import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { TsbakError } from "../errors.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { bytesOf, listAll, someRef } from "../testing/sample-files.ts";
import type { Backend, CallOptions, FileRef, RemoveFailure } from "./backend.ts";
import { withCache } from "./cache.ts";
import { withLimit } from "./limit.ts";
import { MemoryBackend } from "./memory.ts";
import { removeFiles } from "./remove-files.ts";
import { withRetry } from "./retry.ts";
import { Traffic, withTraffic } from "./traffic.ts";
import { withWatchdog } from "./watchdog.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-remove-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A store in memory that removes many files at once. */
class BatchBackend extends MemoryBackend {
  readonly batches: number[] = [];
  /** What the store says of a file, once for each error. */
  readonly refusals: Map<string, TsbakError[]> = new Map();
  failure: TsbakError | undefined;

  async removeMany(
    refs: readonly FileRef[],
    options?: CallOptions,
  ): Promise<readonly RemoveFailure[]> {
    this.batches.push(refs.length);
    if (this.failure !== undefined) throw this.failure;
    const failures: RemoveFailure[] = [];
    for (const ref of refs) {
      const error = this.refusals.get(ref.name)?.shift();
      if (error !== undefined) failures.push({ ref, error });
      else await this.remove(ref, options);
    }
    return failures;
  }
}

async function packsIn(backend: Backend, count: number): Promise<readonly FileRef[]> {
  const refs = Array.from({ length: count }, () => someRef("pack"));
  for (const ref of refs) await backend.write(ref, bytesOf(1));
  return refs;
}

const namesIn = async (backend: Backend): Promise<readonly string[]> =>
  (await listAll(backend, "pack")).map(({ name }) => name);

describe("removeFiles()", () => {
  test("asks for a thousand files at a time", async () => {
    const backend = new BatchBackend();
    const refs = await packsIn(backend, 2500);
    let removed = 0;

    expect(await removeFiles(backend, refs, { onRemoved: (count) => (removed += count) })).toEqual(
      [],
    );

    expect(backend.batches).toEqual([1000, 1000, 500]);
    expect(removed).toBe(2500);
    expect(await namesIn(backend)).toEqual([]);
  });

  test("removes one by one what the server cannot remove at once", async () => {
    const backend = new BatchBackend();
    backend.failure = new TsbakError("unsupported", "Cannot");
    const refs = await packsIn(backend, 1100);

    expect(await removeFiles(backend, refs)).toEqual([]);

    expect(backend.batches).toEqual([1000]);
    expect(await namesIn(backend)).toEqual([]);
  });

  test.each([
    ["at once", (): BatchBackend | MemoryBackend => new BatchBackend()],
    ["one by one", (): BatchBackend | MemoryBackend => new MemoryBackend()],
  ])("gives back what the store refuses to remove %s, and removes the rest", async (_, open) => {
    const faulty = new FaultyBackend(open());
    const [first, refused, ...rest] = await packsIn(faulty, 5);
    if (first === undefined || refused === undefined) throw new Error("There are five");
    faulty.on({ method: "remove", name: refused.name }, { type: "fail", error: "denied" });

    const failures = await removeFiles(faulty, [first, refused, ...rest]);

    expect(failures).toMatchObject([{ ref: refused, error: { code: "denied" } }]);
    expect(await namesIn(faulty)).toEqual([refused.name]);
  });

  test("ends when the store cannot be reached", async () => {
    for (const inner of [new MemoryBackend({ connections: 1 }), new BatchBackend()]) {
      const faulty = new FaultyBackend(inner);
      const refs = await packsIn(faulty, 5);
      faulty.crashAt(2, { applied: false });

      await expect(removeFiles(faulty, refs)).rejects.toMatchObject({ code: "unavailable" });

      expect((await namesIn(inner)).length).toBe(4);
    }
  });
});

describe("removeMany() through the wrappers", () => {
  test("withRetry() repeats only what failed for now", async () => {
    const inner = new BatchBackend();
    const [passing, refused, ...rest] = await packsIn(inner, 5);
    if (passing === undefined || refused === undefined) throw new Error("There are five");
    const busy = new TsbakError("unavailable", "Cannot remove: busy");
    inner.refusals.set(passing.name, [busy, busy]);
    inner.refusals.set(refused.name, [new TsbakError("denied", "Cannot remove: kept")]);
    const backend = withRetry(inner, { sleep: async () => undefined });

    const failures = await removeFiles(backend, [passing, refused, ...rest]);

    expect(failures.map(({ ref }) => ref)).toEqual([refused]);
    expect(inner.batches).toEqual([5, 1, 1]);
    expect(await namesIn(inner)).toEqual([refused.name]);
  });

  test("withTraffic() counts one request", async () => {
    const traffic = new Traffic();
    const inner = new BatchBackend();
    const refs = await packsIn(inner, 5);

    await removeFiles(withTraffic(withLimit(withWatchdog(inner), 1), traffic), refs);

    expect(traffic.requests.remove).toBe(1);
    expect(inner.batches).toEqual([5]);
  });

  test("withWatchdog() names the files of a request that is stuck", async () => {
    const inner = new BatchBackend();
    const refs = [someRef("pack"), someRef("pack"), someRef("pack")];
    inner.removeMany = (_, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener("abort", () => reject(new Error("aborted")));
      });
    const rings: (() => void)[] = [];
    const startTimer = (_: number, ring: () => void): (() => void) => {
      rings.push(ring);
      return () => undefined;
    };

    const removing = removeFiles(withWatchdog(inner, { startTimer }), refs);
    rings[0]?.();

    await expect(removing).rejects.toThrow(`pack ${refs[0]?.name.slice(0, 8)} and 2 more`);
  });

  test("withCache() drops the copies of what is gone, and keeps those of what is not", async () => {
    const inner = new BatchBackend();
    const cached = withCache(inner, folder, "ab".repeat(32));
    const [gone, kept] = [someRef("snapshot"), someRef("snapshot")];
    for (const ref of [gone, kept]) await cached.write(ref, bytesOf(3));
    inner.refusals.set(kept.name, [new TsbakError("denied", "Cannot")]);

    await removeFiles(cached, [gone, kept]);
    await inner.remove(kept);

    await expect(cached.read(gone)).rejects.toMatchObject({ code: "not-found" });
    expect(await cached.read(kept)).toEqual(bytesOf(3));
  });
});
