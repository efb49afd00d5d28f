import { expect, test } from "vitest";
import { formatLocalTime, formatSeconds, formatSize, printable } from "./format-text.ts";

test("formatSize() has three decimals from a KiB on", () => {
  expect(formatSize(0)).toBe("0 B");
  expect(formatSize(1023)).toBe("1023 B");
  expect(formatSize(1314)).toBe("1.283 KiB");
  expect(formatSize(3 * 2 ** 30)).toBe("3.000 GiB");
  expect(formatSize(5000 * 2 ** 40)).toBe("5000.000 TiB");
});

test("formatSeconds() shows hours only if there are any", () => {
  expect(formatSeconds(7.9)).toBe("0:07");
  expect(formatSeconds(754)).toBe("12:34");
  expect(formatSeconds(3723)).toBe("1:02:03");
});

test("formatLocalTime() cuts off what is below a second", () => {
  const date = new Date(2026, 10, 20, 23, 5, 6);
  const time = date.toISOString().replace(".000Z", ".999999999Z");

  expect(formatLocalTime(time)).toBe("2026-11-20 23:05:06");
});

test("printable() leaves no control character that could move the cursor", () => {
  expect(printable("a\nb\u001b[2J\u009b")).toBe("a\\x0ab\\x1b[2J\\xc2\\x9b");
  expect(printable("ümlaut 😀")).toBe("ümlaut 😀");
});
