import { describe, expect, test } from "vitest";

import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { describePolicy } from "./describe-policy.ts";
import { applyPolicy, isEmptyPolicy, type KeepPolicy, type PolicySetting } from "./policy.ts";
import { someSnapshot } from "../../testing/some-snapshot.ts";

const NOW = Date.parse("2026-06-01T00:00:00Z");
const NONE = { years: 0, months: 0, days: 0, hours: 0 };
const utc: PolicySetting = { nowMs: NOW, zoneOffset: () => 0 };

function at(...times: readonly string[]): SnapshotEntry[] {
  return times.map((time) => someSnapshot({ time }));
}

/** The times that are kept and why, newest first. */
function kept(
  entries: readonly SnapshotEntry[],
  policy: KeepPolicy,
  setting = utc,
): Record<string, string> {
  const { keep } = applyPolicy(entries, policy, setting);
  return Object.fromEntries(
    keep.map(({ entry, reasons }) => [entry.snapshot.time, reasons.join(", ")]),
  );
}

describe("applyPolicy()", () => {
  test("keeps the newest of each period, and the oldest while the count is not used up", () => {
    const entries = at(
      "2026-05-01T01:00:00Z",
      "2026-05-01T05:00:00Z",
      "2026-05-02T01:00:00Z",
      "2026-05-02T02:00:00Z",
    );

    expect(kept(entries, { counts: { daily: 2 } })).toEqual({
      "2026-05-02T02:00:00Z": "daily snapshot",
      "2026-05-01T05:00:00Z": "daily snapshot",
    });
    expect(kept(entries, { counts: { daily: 3 } })).toEqual({
      "2026-05-02T02:00:00Z": "daily snapshot",
      "2026-05-01T05:00:00Z": "daily snapshot",
      "2026-05-01T01:00:00Z": "oldest daily snapshot",
    });
  });

  test("counts a day by the zone that the snapshot was made in", () => {
    // One instant after the other, but on two days where they were made.
    const entries = at("2026-05-01T23:30:00+02:00", "2026-05-02T00:30:00+02:00");

    expect(Object.keys(kept(entries, { counts: { daily: 1 } }))).toEqual([
      "2026-05-02T00:30:00+02:00",
    ]);
    expect(Object.keys(kept(entries, { counts: { daily: 2 } })).length).toBe(2);
  });

  test("counts weeks as ISO 8601 does", () => {
    // Sunday 3 January 2027 is in the last week of 2026, Monday in the first of 2027.
    const entries = at("2026-12-28T00:00:00Z", "2027-01-03T00:00:00Z", "2027-01-04T00:00:00Z");

    expect(Object.keys(kept(entries, { counts: { weekly: 2 } }))).toEqual([
      "2027-01-04T00:00:00Z",
      "2027-01-03T00:00:00Z",
    ]);
  });

  test("measures spans from the newest snapshot that is not in the future", () => {
    const entries = at("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z", "2027-01-01T00:00:00Z");

    expect(kept(entries, { within: { ...NONE, days: 1 } })).toEqual({
      "2027-01-01T00:00:00Z": "within 1d",
      "2026-05-01T00:00:00Z": "within 1d",
    });
    expect(
      kept(entries, { within: { ...NONE, months: 1, hours: 1 } })["2026-04-01T00:00:00Z"],
    ).toBe("within 1m1h");
    expect(kept(entries, { within: { ...NONE, months: 1 } })["2026-04-01T00:00:00Z"]).toBe(
      undefined,
    );
  });

  test("goes through a change of clocks as the calendar of this machine does", () => {
    // From 29 March on clocks show an hour more: a month before is 31 days and an hour less.
    const changeAt = Date.parse("2026-03-29T01:00:00Z") / 1000;
    const setting = { nowMs: NOW, zoneOffset: (at: number) => (at < changeAt ? 3600 : 7200) };
    const entries = at("2026-03-15T11:30:00Z", "2026-03-15T10:30:00Z", "2026-04-15T12:00:00+02:00");

    const times = Object.keys(kept(entries, { within: { ...NONE, months: 1 } }, setting));

    // 12:00 on the clock, which was 11:00 UTC; with the offset of April it would be 10:00.
    expect(times).toEqual(["2026-04-15T12:00:00+02:00", "2026-03-15T11:30:00Z"]);
  });

  test("keeps by tags, of which the empty one means none", () => {
    const time = "2026-05-01T00:00:00Z";
    const entries = [
      someSnapshot({ time, tags: ["a", "b"] }),
      someSnapshot({ time: "2026-05-02T00:00:00Z", tags: ["a"] }),
      someSnapshot({ time: "2026-05-03T00:00:00Z" }),
    ];

    expect(kept(entries, { tagLists: [["a", "b"]] })).toEqual({ [time]: "has tags [a, b]" });
    expect(kept(entries, { tagLists: [[""]] })).toEqual({ "2026-05-03T00:00:00Z": "has tags []" });
  });
});

test("isEmptyPolicy() takes counts of 0 and empty spans for no wish", () => {
  expect(isEmptyPolicy({ last: 0, counts: { daily: 0 }, within: NONE, spans: {} })).toBe(true);
  expect(isEmptyPolicy({ counts: { daily: Infinity } })).toBe(false);
  expect(isEmptyPolicy({ tagLists: [[""]] })).toBe(false);
});

test("describePolicy() says it as restic does", () => {
  const policy = {
    last: 1,
    counts: { hourly: 2, monthly: Infinity },
    within: { years: 1, months: 2, days: 3, hours: 4 },
    spans: { hourly: { ...NONE, hours: 1 }, yearly: { ...NONE, years: 5 } },
    tagLists: [["t01", "zz"], ["t02"], [""]],
  };

  expect(describePolicy(policy)).toBe(
    "keep 1 latest, 2 hourly, all monthly snapshots, hourly snapshots within 1h, yearly snapshots within 5y " +
      "and all snapshots with tags [[t01, zz] [t02] []] and all snapshots within 1y2m3d4h of the newest",
  );
  expect(describePolicy({})).toBe("remove");
});
