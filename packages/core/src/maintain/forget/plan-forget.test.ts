import { expect, test } from "vitest";

import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { someSnapshot } from "../../testing/some-snapshot.ts";
import { planForget, type ForgetGroup, type ForgetPlanOptions } from "./plan-forget.ts";

const DAY = 86_400_000;
const NOW = Date.parse("2026-06-10T12:00:00Z");
const BY = { host: true, paths: true, tags: false };

function plan(entries: readonly SnapshotEntry[], options: Partial<ForgetPlanOptions>): ForgetGroup {
  const rest = { policy: {}, groupBy: BY, nowMs: NOW, zoneOffset: () => 0 };
  const [group, ...others] = planForget(entries, { ...rest, ...options });
  expect(others).toEqual([]);
  return group!;
}

/** A backup that was made so many days ago, and stored then or so many days ago. */
function daysAgo(days: number, storedDays = days, wish: object = {}): SnapshotEntry {
  const time = new Date(NOW - days * DAY).toISOString();
  return someSnapshot({ time, modifiedMs: NOW - storedDays * DAY, ...wish });
}

/** The ten last nights. */
function nights(count = 10, wish: object = {}): SnapshotEntry[] {
  return Array.from({ length: count }, (_, day) => daysAgo(day, day, wish));
}

const idsOf = (entries: readonly SnapshotEntry[]): Set<string> =>
  new Set(entries.map(({ id }) => id));

test("a group is refused of which the policy keeps nothing", () => {
  expect(() => plan(nights(), { policy: { tagLists: [["keep"]] } })).toThrow(
    'keeps none of the group "host host, path [/home]"',
  );
});

test("snapshots that were put in between the real ones do not displace them", () => {
  const real = nights();
  // Tonight, one for each of the last nights, an hour newer than the real one.
  const forged = real.map((_, day) => daysAgo(day - 1 / 24 + 0.001, 0.1));
  const policy = { counts: { daily: 7 } };

  const guarded = plan([...real, ...forged], { policy });
  const believing = plan([...real, ...forged], { policy, trustTimes: true });

  const reals = idsOf(real);
  const keptOf = ({ keep }: ForgetGroup): number =>
    keep.filter(({ entry }) => reals.has(entry.id)).length;
  expect(keptOf(believing)).toBeLessThan(2);
  // Those of the last three nights may as well be late as false: that is what a day of tolerance costs.
  expect(keptOf(guarded)).toBe(4);
  expect(guarded.distrusted.size).toBeGreaterThan(5);
  const removed = idsOf(guarded.remove);
  for (const id of guarded.distrusted.keys()) expect(removed.has(id)).toBe(false);
});

test("a snapshot of the future does not use up what is to be kept", () => {
  const entries = [...nights(3), daysAgo(-300, 0)];

  const { keep, remove, distrusted } = plan(entries, { policy: { last: 2 } });

  expect([...distrusted.values()]).toEqual(["time in the future"]);
  expect(keep.length).toBe(3);
  expect(remove.map(({ id }) => id)).toEqual([entries[2]?.id]);
});

test("a snapshot that claims to be a day newer than its file is not counted", () => {
  // A clock that was two days ahead, three days ago.
  const entries = [...nights(4), daysAgo(1.5, 3.5)];

  const { distrusted } = plan(entries, { policy: { last: 3 } });

  expect([...distrusted.values()]).toEqual(["time later than its file"]);
});

test.each([
  ["copied or rewritten today as a whole", nights(10).map((e) => ({ ...e, modifiedMs: NOW }))],
  [
    "mirrored every five days",
    nights(20).map((e, day) => ({ ...e, modifiedMs: NOW - (day - (day % 5)) * DAY })),
  ],
  ["in a store that tells no times", nights(10).map(({ id, snapshot }) => ({ id, snapshot }))],
  ["in a store whose files are of 1970", nights(10).map((e) => ({ ...e, modifiedMs: 0 }))],
])("a repository %s is treated as any other", (_, entries) => {
  const policy = { counts: { daily: 3, weekly: 2 } };

  const { distrusted, keep, remove } = plan(entries, { policy });

  expect(distrusted.size).toBe(0);
  const believing = plan(entries, { policy, trustTimes: true });
  expect([keep, remove]).toEqual([believing.keep, believing.remove]);
});

test("old backups that were taken over later change nothing for the newer ones", () => {
  const entries = [...nights(5), ...[100, 200, 300].map((days) => daysAgo(days, 0))];

  const { distrusted, remove } = plan(entries, { policy: { last: 5 } });

  expect(distrusted.size).toBe(0);
  expect(remove.length).toBe(3);
});

test("a newest snapshot with less than half of the usual freezes the group", () => {
  const usual = nights(10, { files: 1000, bytes: 5e9 }).slice(1);
  const policy = { counts: { daily: 3 } };
  const withNewest = (files: number, bytes: number): SnapshotEntry[] => [
    ...usual,
    daysAgo(0, 0, { files, bytes }),
  ];

  const few = plan(withNewest(400, 5e9), { policy });
  expect(few.isFrozen).toBe(true);
  expect(few.remove).toEqual([]);
  expect(few.keep.length).toBe(10);
  expect(few.shrink).toMatchObject({ files: { now: 400, usual: 1000 } });
  expect(plan(withNewest(1000, 2e9), { policy }).isFrozen).toBe(true);
  expect(plan(withNewest(600, 3e9), { policy }).isFrozen).toBe(false);
  expect(plan(withNewest(400, 5e9), { policy, allowShrink: true }).remove.length).toBe(7);
});

test("the newest of two snapshots of one second is the one that shrank", () => {
  const usual = nights(5, { files: 1000 });
  const newest = daysAgo(0, 0, { files: 10 });
  const second = new Date(NOW).toISOString().slice(0, 19);
  const at = (entry: SnapshotEntry, time: string): SnapshotEntry => ({
    ...entry,
    snapshot: { ...entry.snapshot, time },
  });
  const entries = [
    at(newest, `${second}.2Z`),
    ...usual.map((entry, nth) => at(entry, `${second}.1${nth}Z`)),
  ];

  for (const given of [entries, entries.toReversed()])
    expect(plan(given, { policy: { last: 1 } }).isFrozen).toBe(true);
});

test("a shrink that somebody has seen is what is usual from then on", () => {
  const entries = [
    ...nights(10, { files: 1000 }).slice(2),
    daysAgo(1, 1, { files: 10 }),
    daysAgo(0, 0, { files: 10 }),
  ];
  const policy = { last: 1 };

  expect(plan(entries, { policy }).isFrozen).toBe(true);
  const acceptedShrink = (): string => entries.at(-2)!.snapshot.time;
  expect(plan(entries, { policy, acceptedShrink }).isFrozen).toBe(false);
});

test("more than a share or a number of a group is over the limit, but few are no share", () => {
  const isOver = (count: number, last: number, limit: ForgetPlanOptions["limit"]): boolean =>
    plan(nights(count), { policy: { last }, limit }).isOverLimit;

  expect(isOver(100, 9, { share: 0.9 })).toBe(true);
  expect(isOver(100, 10, { share: 0.9 })).toBe(false);
  expect(isOver(11, 1, { share: 0.9 })).toBe(false);
  expect(isOver(11, 1, { count: 9 })).toBe(true);
  expect(isOver(11, 1, { count: 10 })).toBe(false);
  expect(isOver(100, 1, undefined)).toBe(false);
});

test("without a policy all of it goes, and no guard asks", () => {
  const { keep, remove, isFrozen, isOverLimit } = plan(nights(100), { limit: { share: 0.5 } });

  expect([keep.length, remove.length, isFrozen, isOverLimit]).toEqual([0, 100, false, false]);
});
