import { expect, test } from "vitest";

import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { someSnapshot } from "../../testing/some-snapshot.ts";
import { planForget } from "./plan-forget.ts";
import type { KeepPolicy } from "./policy.ts";
import { findWanted, planRetention, type RetentionPlan, type TwoPlaces } from "./retention.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-01-01T12:00:00Z");
const BY = { host: true, paths: true, tags: false };

function retention(policy: KeepPolicy, wish: Partial<RetentionPlan> = {}): RetentionPlan {
  return { policy, groupBy: BY, nowMs: START + 400 * DAY, zoneOffset: () => 0, ...wish };
}

/** A backup that was made some days after the start, and stored then. */
function made(days: number, wish: object = {}): SnapshotEntry {
  const ms = START + days * DAY;
  return someSnapshot({ time: new Date(ms).toISOString(), modifiedMs: ms, ...wish });
}

/** Two places, where each copy in the second has a name of its own. */
class Places {
  source: SnapshotEntry[] = [];
  readonly #copies = new Map<string, SnapshotEntry>();

  /** In the order of arrival. */
  get copied(): ReadonlySet<string> {
    return new Set(this.#copies.keys());
  }

  get both(): TwoPlaces[] {
    const there = Array.from(this.#copies, ([origin, target]) => ({
      target,
      source: this.source.find(({ id }) => id === origin),
    }));
    const coming = this.source.filter(({ id }) => !this.#copies.has(id));
    return [...there, ...coming.map((source) => ({ source, target: undefined }))];
  }

  /** Gives the origins of what came, and of what went. */
  run(plan: RetentionPlan, atMs: number): { came: string[]; went: string[] } {
    const came = [...findWanted(this.both, plan)];
    for (const origin of came) {
      const { snapshot } = this.source.find(({ id }) => id === origin)!;
      this.#copies.set(origin, someSnapshot({ ...snapshot, modifiedMs: atMs }));
    }
    const gone = new Set(planRetention(this.both, plan).flatMap(({ remove }) => remove));
    const went = [...this.#copies].filter(([, copy]) => gone.has(copy)).map(([origin]) => origin);
    for (const origin of went) this.#copies.delete(origin);
    return { came, went };
  }
}

/** Numbers from 0 to below 1 that depend on a seed only. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function randomPolicy(random: () => number): KeepPolicy {
  const some = (below: number): number => Math.floor(random() * below);
  const span = { years: 0, months: some(2), days: some(20), hours: some(20) };
  return {
    last: 1 + some(4),
    counts: { hourly: some(6), daily: some(8), weekly: some(4), monthly: some(3) },
    within: some(2) === 0 ? undefined : span,
    tagLists: some(3) === 0 ? [["keep"]] : [],
  };
}

test("in 40 random histories nothing is copied that was forgotten, and a second run finds nothing to do", () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = randomNumbers(seed);
    const places = new Places();
    const policy = randomPolicy(random);
    const sources = seed % 2 === 0 ? undefined : retention(randomPolicy(random));
    const forgotten = new Set<string>();
    const all: SnapshotEntry[] = [];
    for (let day = 0; day < 40; day += 1 + Math.floor(random() * 3)) {
      for (let count = Math.floor(random() * 4); count > 0; count--) {
        const tags = random() < 0.1 ? ["keep"] : [];
        const entry = made(day + Math.floor(random() * 20) / 24 + count / 1440, { tags });
        places.source.push(entry);
        all.push(entry);
      }
      const plan = retention(policy, { nowMs: START + (day + 1) * DAY });
      const { came, went } = places.run(plan, plan.nowMs);

      expect(
        came.filter((id) => forgotten.has(id)),
        `seed ${seed}`,
      ).toEqual([]);
      expect(places.run(plan, plan.nowMs), `seed ${seed}`).toEqual({ came: [], went: [] });
      for (const id of went) forgotten.add(id);
      if (sources !== undefined && places.source.length > 0) {
        const [group] = planForget(places.source, sources);
        const gone = new Set(group!.remove.map(({ id }) => id));
        places.source = places.source.filter(({ id }) => !gone.has(id));
      } else if (all.length > 0) {
        const [group] = planForget(all, plan);
        expect(places.copied, `seed ${seed}`).toEqual(
          new Set(group!.keep.map(({ entry }) => entry.id)),
        );
      }
    }
  }
});

test("groups that the source has none of are left alone", () => {
  const places = Array.from({ length: 5 }, (_, day) => ({
    target: made(day, { hostname: "other" }),
    source: undefined,
  }));
  const ours = { source: made(3), target: undefined };

  expect(planRetention([...places, ours], retention({ last: 1 }))).toEqual([]);
  expect(findWanted([...places, ours], retention({ last: 1 })).size).toBe(1);
});

test("of two snapshots of the same instant the one that is there stays", () => {
  const target = { ...made(1, { tags: ["mine"] }), id: "f".repeat(64) };
  const source = { ...made(1), id: "0".repeat(64) };

  const wanted = findWanted(
    [
      { target, source: undefined },
      { source, target: undefined },
    ],
    retention({ last: 1 }),
  );

  expect(wanted.size).toBe(0);
});

test("when the newest is much smaller, what is new comes and nothing goes, but old ones do not come", () => {
  const there = Array.from({ length: 5 }, (_, day) => ({
    target: made(day + 10, { files: 1000, bytes: 1e9 }),
    source: undefined,
  }));
  const old = made(2, { files: 1000, bytes: 1e9 });
  const noon = made(15, { files: 1000, bytes: 1e9 });
  const evening = made(15.3, { files: 5, bytes: 10 });
  const coming = [old, noon, evening].map((source) => ({ source, target: undefined }));
  const policy = retention({ counts: { daily: 3 } });

  expect(findWanted([...there, ...coming], policy)).toEqual(new Set([noon.id, evening.id]));
  const copied = [noon, evening].map((source) => ({
    source,
    target: { ...source, id: `c${source.id}` },
  }));
  const [group] = planRetention([...there, ...copied], policy);
  expect([group?.isFrozen, group?.remove]).toEqual([true, []]);
  expect(findWanted([...there, ...coming], { ...policy, allowShrink: true })).toEqual(
    new Set([evening.id]),
  );
});

test("what the source's store does not believe displaces nothing at the target, though all copies are young there", () => {
  const real = Array.from({ length: 10 }, (_, day) => made(day));
  const forged = real.map((_, day) => ({ ...made(day + 1 / 24), modifiedMs: START + 9.5 * DAY }));
  const places = new Places();
  places.source = [...real, ...forged];
  const plan = retention({ counts: { daily: 7 } }, { nowMs: START + 10 * DAY });

  places.run(plan, plan.nowMs);

  const kept = real.filter(({ id }) => places.copied.has(id));
  // As everywhere, what lies in the last two nights is not noticed.
  expect(kept.length).toBe(5);
});

test("what was copied late is not suspicious for that", () => {
  const places = new Places();
  places.source = Array.from({ length: 30 }, (_, day) => made(day));
  places.run(retention({ counts: { daily: 5 } }), START + 20 * DAY);
  const wider = retention({ counts: { daily: 12 } }, { nowMs: START + 35 * DAY });
  places.run(wider, START + 30 * DAY);
  places.source.push(made(31), made(32));

  places.run(wider, START + 35 * DAY);

  const groups = planRetention(places.both, wider);
  expect([groups[0]?.distrusted.size, places.copied.size]).toEqual([0, 12]);
});
