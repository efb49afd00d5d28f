import { describe, expect, test } from "vitest";
import {
  parseCompression,
  parseCount,
  parseDuration,
  parseGrouping,
  parseLocalTime,
  parseMoment,
  parsePackSize,
  parseRate,
  parseSize,
  parseTags,
} from "./parse-values.ts";

describe("parseDuration()", () => {
  test.each([
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["0.5s", 500],
    ["250ms", 250],
    ["0", 0],
  ])("reads %s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(["", "5", "m", "-5m", "5 m", "1d", "5m x"])("refuses %j", (text) => {
    expect(() => parseDuration(text)).toThrow(/duration/);
  });
});

describe("parseSize()", () => {
  test.each([
    ["100", 100],
    ["10k", 10_240],
    ["1.5M", 1_572_864],
    ["2GiB", 2 ** 31],
    ["7b", 7],
  ])("reads %s", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(["", "k", "-1", "1x", "99999999T"])("refuses %j", (text) => {
    expect(() => parseSize(text)).toThrow(/size/);
  });
});

test("parsePackSize() takes 4 to 128 MiB, and 0 for the default", () => {
  expect(parsePackSize("4")).toBe(4 << 20);
  expect(parsePackSize("128")).toBe(128 << 20);
  expect(parsePackSize("0")).toBe(16 << 20);
  for (const text of ["3", "129", "x", "16M"])
    expect(() => parsePackSize(text)).toThrow(/4 to 128/);
});

test("parseRate() reads KiB a second, and takes what is below 0 for no limit", () => {
  expect(["1", "500", "0", "-1"].map(parseRate)).toEqual([1024, 512_000, 0, 0]);
  for (const text of ["", "1.5", "10K", "x"]) expect(() => parseRate(text)).toThrow(/KiB/);
});

test("parseCount() refuses what is no positive number", () => {
  expect(parseCount("12")).toBe(12);
  for (const text of ["0", "-1", "1.5", "", "x"])
    expect(() => parseCount(text)).toThrow(/positive/);
});

test("parseLocalTime() adds the offset that the machine had at that time", () => {
  const text = parseLocalTime("2012-11-01 22:08:41");

  expect(text).toMatch(/^2012-11-01T22:08:41(Z|[+-]\d{2}:\d{2})$/);
  expect(Date.parse(text)).toBe(new Date(2012, 10, 1, 22, 8, 41).getTime());
});

test.each([
  "2012-11-01",
  "2012-02-30 00:00:00",
  "2012-11-01 24:00:00",
  "2012-11-01 22:60:00",
  "now",
])("parseLocalTime() refuses %j", (text) => {
  expect(() => parseLocalTime(text)).toThrow(/local time/);
});

test.each([
  ["2012-11-01", new Date(2012, 10, 1)],
  ["01.11.2012 22:08", new Date(2012, 10, 1, 22, 8)],
  ["2012-11-01 22:08:41", new Date(2012, 10, 1, 22, 8, 41)],
])("parseMoment() takes %j as local time", (text, date) => {
  expect(Date.parse(parseMoment(text))).toBe(date.getTime());
});

test("parseMoment() takes a zone", () => {
  expect(parseMoment("2012-11-01 22:08:41 -0730")).toBe("2012-11-01T22:08:41-07:30");
  expect(parseMoment("01.11.2012 22:08 UTC")).toBe("2012-11-01T22:08:00Z");
});

test.each(["", "now", "2012-11", "2012-11-31", "2012-11-01T22:08:41", "22:08"])(
  "parseMoment() refuses %j",
  (text) => {
    expect(() => parseMoment(text)).toThrow(/time such as/);
  },
);

test("parseTags() trims and splits, and keeps the one empty tag", () => {
  expect(parseTags("a, b,c")).toEqual(["a", "b", "c"]);
  expect(parseTags("")).toEqual([""]);
});

test("parseGrouping() knows host, paths and tags, in singular and plural", () => {
  expect(parseGrouping("host,paths")).toEqual({ host: true, paths: true, tags: false });
  expect(parseGrouping("tag")).toEqual({ host: false, paths: false, tags: true });
  expect(parseGrouping("")).toEqual({ host: false, paths: false, tags: false });
  expect(() => parseGrouping("user")).toThrow(/Group by/);
});

test("parseCompression() refuses an unknown level", () => {
  expect(parseCompression("max")).toBe("max");
  expect(() => parseCompression("best")).toThrow(/Choose one/);
});
