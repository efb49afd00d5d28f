import { execFileSync } from "node:child_process";

import { expect, test } from "vitest";

import { localOffsetSeconds } from "./zone.ts";

const INSTANTS = [
  [-1e13, -2_000_000_000, -1, 0, 946_684_800, 1_700_000_000, 4_000_000_000, 1e13],
  // Around Berlin's clock changes of 2023: the last second before, the first after, twice each for the cache.
  [1_679_792_399, 1_679_792_400, 1_698_541_199, 1_698_541_200, 1_679_792_399, 1_679_792_400],
].flat();

/** The zone is fixed when a process starts, so each zone needs one of its own. */
function offsetsIn(zone: string): number[] {
  const script = `
    import { localOffsetSeconds } from ${JSON.stringify(new URL("./zone.ts", import.meta.url).href)};
    console.log(JSON.stringify(${JSON.stringify(INSTANTS)}.map(localOffsetSeconds)));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, TZ: zone },
    encoding: "utf8",
  });
  return JSON.parse(output) as number[];
}

test("localOffsetSeconds() is always 0 in UTC", () => {
  expect(offsetsIn("UTC")).toEqual(INSTANTS.map(() => 0));
});

test("localOffsetSeconds() follows summer time to the second", () => {
  const offsets = offsetsIn("Europe/Berlin");

  expect(offsets.slice(8)).toEqual([3600, 7200, 7200, 3600, 3600, 7200]);
  expect(offsets[5]).toBe(3600);
});

test("localOffsetSeconds() knows zones of half hours and west of Greenwich", () => {
  expect(offsetsIn("Asia/Kolkata")[5]).toBe(19_800);
  expect(offsetsIn("America/New_York")[5]).toBe(-18_000);
});

test("localOffsetSeconds() agrees with Date at any instant in this machine's zone", () => {
  for (const instant of INSTANTS.filter((seconds) => Math.abs(seconds) < 8e12)) {
    const minutes = new Date(instant * 1000).getTimezoneOffset();
    expect(localOffsetSeconds(instant)).toBe(-60 * minutes + 0);
  }
});
