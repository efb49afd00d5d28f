import { expect, test } from "vitest";
import { watchSnapshots } from "./watch-snapshots.ts";

/** Watch a source that shows these listings one after another (an error is thrown), until they are used up. */
async function watch(
  listings: readonly (readonly string[] | Error)[],
  work: (run: number) => void = () => undefined,
): Promise<{ runs: number[]; waits: number[] }> {
  const stop = new AbortController();
  const runs: number[] = [];
  const waits: number[] = [];
  let look = 0;
  await watchSnapshots({
    list: async () => {
      const listing = listings[look++];
      if (look >= listings.length) setTimeout(() => stop.abort(), 5);
      if (listing instanceof Error) throw listing;
      return listing ?? [];
    },
    work: async () => {
      runs.push(look);
      work(runs.length);
    },
    intervalMs: 1,
    signal: stop.signal,
    onFailure: (_, waitMs) => waits.push(waitMs),
  });
  return { runs: runs.filter((at) => at <= listings.length), waits };
}

test("watchSnapshots() works at the start, and then for new snapshots only", async () => {
  const { runs } = await watch([["a"], ["a"], ["a", "b"], ["b"], ["b"], ["b", "c"]]);

  expect(runs).toEqual([1, 3, 6]);
});

test("watchSnapshots() tries again what failed, later and later", async () => {
  const { runs, waits } = await watch([["a"], ["a"], new Error("gone"), ["a"], ["a"]], (run) => {
    if (run <= 2) throw new Error("no");
  });

  expect(runs).toEqual([1, 2, 4]);
  expect(waits).toEqual([1, 2, 4]);
});

test("watchSnapshots() ends in the middle of work, without a failure", async () => {
  const stop = new AbortController();
  const failures: unknown[] = [];

  await watchSnapshots({
    list: async () => ["a"],
    work: async () => {
      stop.abort();
      throw new Error("interrupted");
    },
    intervalMs: 1_000_000,
    signal: stop.signal,
    onFailure: (error) => failures.push(error),
  });

  expect(failures).toEqual([]);
});
