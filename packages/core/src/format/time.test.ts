import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Timestamp } from "./time.ts";
import { compareTimes, formatTime, parseTime } from "./time.ts";

const corrupt: unknown = expect.objectContaining({ code: "corrupt" });
const at = (seconds: number, nanoseconds = 0, offsetSeconds = 0): Timestamp => ({
  seconds,
  nanoseconds,
  offsetSeconds,
});

test.each([
  [at(0), "1970-01-01T00:00:00Z"],
  [at(-1, 500_000_000), "1969-12-31T23:59:59.5Z"],
  [at(1_700_000_000, 123_456_789, 3600), "2023-11-14T23:13:20.123456789+01:00"],
  [at(1_700_000_000, 10, -12_600), "2023-11-14T18:43:20.00000001-03:30"],
  [at(951_782_400, 100_000_000), "2000-02-29T00:00:00.1Z"],
  [at(-62_167_219_200), "0000-01-01T00:00:00Z"],
  [at(253_402_300_799, 999_999_999), "9999-12-31T23:59:59.999999999Z"],
])("formatTime(%j) gives %s, and parseTime() takes it back", (time, text) => {
  expect(formatTime(time)).toBe(text);
  expect(parseTime(text)).toEqual(time);
});

// Go 1.26 after restic's FixTime.
test.each([
  [at(253_402_300_800), "9999-01-01T00:00:00Z"],
  [at(253_407_398_400), "9999-03-01T00:00:00Z"],
  [at(1e15, 1), "9999-07-05T01:46:40.000000001Z"],
  [at(-62_167_219_201), "0000-12-31T23:59:59Z"],
  [at(-62_167_219_201, 0, 3600), "0000-01-01T00:59:59+01:00"],
])("formatTime(%j) changes only the year where it is out of range: %s", (time, text) => {
  expect(formatTime(time)).toBe(text);
});

test("formatTime() cuts an offset with seconds to minutes, as Go does", () => {
  expect(formatTime(at(0, 0, 3208))).toBe("1970-01-01T00:53:28+00:53");
  expect(formatTime(at(0, 0, -3208))).toBe("1969-12-31T23:06:32-00:53");
  expect(formatTime(at(0, 0, -30))).toBe("1969-12-31T23:59:30+00:00");
});

test("formatTime() and parseTime() keep any time, and agree with Date", () => {
  const time = fc.record({
    seconds: fc.integer({ min: -62_167_132_800, max: 253_402_214_400 }),
    nanoseconds: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
    offsetSeconds: fc.integer({ min: -1439, max: 1439 }).map((minutes) => minutes * 60),
  });
  fc.assert(
    fc.property(time, (value) => {
      const text = formatTime(value);
      expect(parseTime(text)).toEqual(value);
      expect(Math.floor(Date.parse(text) / 1000)).toBe(value.seconds);
    }),
  );
});

test("parseTime() cuts digits beyond the nanosecond, and takes zeros that Go would not write", () => {
  expect(parseTime("2020-01-01T00:00:00.1234567899Z").nanoseconds).toBe(123_456_789);
  expect(parseTime("2020-01-01T00:00:00.500-00:00")).toEqual(at(1_577_836_800, 500_000_000, 0));
});

test.each([
  "",
  "2020-01-01",
  "2020-01-01T00:00:00",
  "2020-01-01 00:00:00Z",
  "2020-01-01t00:00:00z",
  "2020-13-01T00:00:00Z",
  "2020-00-01T00:00:00Z",
  "2021-02-29T00:00:00Z",
  "1900-02-29T00:00:00Z",
  "2020-04-31T00:00:00Z",
  "2020-01-00T00:00:00Z",
  "2020-01-01T24:00:00Z",
  "2020-01-01T00:60:00Z",
  "2020-01-01T00:00:60Z",
  "2020-01-01T0:00:00Z",
  "2020-01-01T00:00:00.Z",
  "2020-01-01T00:00:00,5Z",
  "2020-01-01T00:00:00+25:00",
  "2020-01-01T00:00:00+0100",
  "2020-01-01T00:00:00Zx",
  "12020-01-01T00:00:00Z",
  "-001-01-01T00:00:00Z",
])("parseTime() refuses %j", (text) => {
  expect(() => parseTime(text)).toThrow(corrupt);
});

test("compareTimes() orders by instant, whatever the zones", () => {
  expect(compareTimes(at(1, 0, 3600), at(1, 0, 0))).toBe(0);
  expect(compareTimes(at(1, 1), at(1, 2))).toBeLessThan(0);
  expect(compareTimes(at(2, 0), at(1, 999_999_999))).toBeGreaterThan(0);
  expect(
    compareTimes(parseTime("2020-01-01T01:00:00+02:00"), parseTime("2019-12-31T23:30:00Z")),
  ).toBeLessThan(0);
});
