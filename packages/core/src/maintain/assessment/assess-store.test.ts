import { expect, test } from "vitest";
import type {
  Backend,
  ByteRange,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
} from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { isTsbakError } from "../../errors.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { listAll } from "../../testing/sample-files.ts";
import { assessStore, type AssessmentOptions } from "./assess-store.ts";
import type { StoreAssessment } from "./assessment.ts";

const QUICK: AssessmentOptions = { largeSize: 100_000, fileCount: 20, samples: 3, patienceMs: 50 };

/** The checks that were not passed, with their outcome. */
function shortcomings({ checks }: StoreAssessment): Record<string, string> {
  const bad = checks.filter(({ outcome }) => outcome !== "passed");
  return Object.fromEntries(bad.map(({ name, outcome }) => [name, outcome]));
}

/** Never says that a file is there already. */
class SilentBackend extends MemoryBackend {
  override async write(ref: FileRef, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    const isThere = await this.stat(ref).then(
      () => true,
      () => false,
    );
    if (!isThere) await super.write(ref, bytes, options).catch(() => undefined);
  }
}

/** Looks whether a file is there before it writes, and meanwhile others do the same. */
class RacingBackend extends MemoryBackend {
  override async write(ref: FileRef, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    const isThere = await this.stat(ref).then(
      () => true,
      () => false,
    );
    await new Promise((resolve) => setImmediate(resolve));
    if (!isThere) await super.remove(ref);
    await super.write(ref, bytes, options);
  }
}

/** Shows in a listing what was there so many listings ago. */
class LaggingBackend extends MemoryBackend {
  readonly #lag: number;
  readonly #past: FileInfo[][] = [];

  constructor(lag: number) {
    super();
    this.#lag = lag;
  }

  override async *list(kind: FileKind, options?: CallOptions): AsyncIterable<FileInfo> {
    const now: FileInfo[] = [];
    for await (const file of super.list(kind, options)) now.push(file);
    this.#past.push(now);
    yield* this.#past.at(-1 - this.#lag) ?? [];
  }
}

/** Lists no more than a page. */
class OnePageBackend extends MemoryBackend {
  override async *list(kind: FileKind, options?: CallOptions): AsyncIterable<FileInfo> {
    let count = 0;
    for await (const file of super.list(kind, options)) if (count++ < 15) yield file;
  }
}

/** Gives what there is of a range. */
class GenerousBackend extends MemoryBackend {
  override async read(
    ref: FileRef,
    range?: ByteRange,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.read(ref, undefined, options);
    return range === undefined ? bytes : bytes.slice(range.offset, range.offset + range.length);
  }
}

/** Lets everybody see how a file grows. */
class GrowingBackend extends MemoryBackend {
  override async write(ref: FileRef, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    if (bytes.length > 1 << 20) {
      await super.write(ref, bytes.subarray(0, 1 << 20), options);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await super.remove(ref);
    }
    await super.write(ref, bytes, options);
  }
}

test("assessStore() finds nothing wrong with a store that keeps the contract, and leaves nothing there", async () => {
  const store = new MemoryBackend();

  const report = await assessStore(store, QUICK);

  expect(shortcomings(report)).toEqual({});
  expect(report.checks.length).toBe(11);
  expect(report).toMatchObject({ leftBehind: 0, clock: undefined, connections: 8 });
  expect(report.throughput?.atOnce).toBe(8);
  for (const { min, median, max } of Object.values(report.latency ?? {}))
    expect([min <= median, median <= max]).toEqual([true, true]);
  expect(await listAll(store, "lock")).toEqual([]);
});

test.each<[string, () => Backend, Record<string, string>]>([
  [
    "refuses nothing",
    () => new SilentBackend(),
    { "create-only": "failed", "one-winner": "limited" },
  ],
  ["looks before it writes", () => new RacingBackend(), { "one-winner": "limited" }],
  [
    "lists late",
    () => new LaggingBackend(2),
    { "visible-at-once": "failed", removal: "limited", "many-files": "failed" },
  ],
  ["lists only a page", () => new OnePageBackend(), { "many-files": "failed" }],
  ["reads beyond the end", () => new GenerousBackend(), { ranges: "failed" }],
  ["shows files while they grow", () => new GrowingBackend(), { "whole-or-absent": "failed" }],
])("assessStore() finds out that a store %s", async (_, open, expected) => {
  const report = await assessStore(open(), QUICK);

  expect(shortcomings(report)).toEqual(expected);
  for (const { outcome, finding, meaning } of report.checks)
    expect([finding !== "", meaning !== ""]).toEqual([outcome !== "passed", outcome !== "passed"]);
});

test("assessStore() tells of a listing that never comes, without waiting for ever", async () => {
  const report = await assessStore(new LaggingBackend(1_000_000), QUICK);

  const [check] = report.checks.filter(({ name }) => name === "visible-at-once");
  expect(check?.finding).toBe("a new file is not listed, even after 0.1 s");
});

test("assessStore() finds out that bytes come back changed", async () => {
  const store = new FaultyBackend(new MemoryBackend());
  store.on({ method: "read", nth: 1 }, { type: "flip", offset: 500 });

  expect(shortcomings(await assessStore(store, QUICK))).toEqual({ "write-and-read": "failed" });
});

test("assessStore() reports what a store refuses to remove, and goes on", async () => {
  const store = new FaultyBackend(new MemoryBackend());
  store.on({ method: "remove" }, { type: "fail", error: "denied" });

  const report = await assessStore(store, QUICK);

  expect(shortcomings(report)).toMatchObject({ removal: "failed", speed: "failed" });
  expect(report.leftBehind).toBe((await listAll(store, "lock")).length);
  expect([report.latency, report.throughput]).toEqual([undefined, undefined]);
});

test("assessStore() asks the store for its time", async () => {
  const store = Object.assign(new MemoryBackend(), {
    clock: async () => Date.now() + 3_600_000,
  });

  const { clock } = await assessStore(store, QUICK);

  expect(Math.round((clock?.aheadMs ?? 0) / 60_000)).toBe(60);
});

test("assessStore() cleans up when it is interrupted", async () => {
  const store = new MemoryBackend();
  const abort = new AbortController();
  const onStep = (step: string): void => {
    if (step === "speed") abort.abort();
  };

  const ends = await assessStore(store, { ...QUICK, signal: abort.signal, onStep }).catch(
    (error: unknown) => error,
  );

  expect(isTsbakError(ends, "interrupted")).toBe(true);
  expect(await listAll(store, "lock")).toEqual([]);
});
