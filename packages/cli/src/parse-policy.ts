/**
 * What `forget` is told about which snapshots to keep. All functions throw commander's `InvalidArgumentError`.
 *
 * @module
 */
import type { ForgetLimit, TimeSpan } from "@tsbak/core";
import { InvalidArgumentError } from "commander";

const HOUR_MS = 3_600_000;
const UNITS: Readonly<Record<string, keyof TimeSpan>> = {
  y: "years",
  m: "months",
  d: "days",
  h: "hours",
};

/** How many to keep: a number from 0, or `unlimited`. */
export function parseKeepCount(text: string): number {
  if (text === "unlimited") return Infinity;
  if (/^-\d/.test(text)) {
    throw new InvalidArgumentError("Write a number from 0, or 'unlimited' to keep all.");
  }
  if (/^\+?\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Write a number, or 'unlimited'.");
}

/** A span of the calendar: `1y5m7d2h`, in any order. Of a unit that comes twice the last counts, as in restic. */
export function parseKeepSpan(text: string): TimeSpan {
  if (!/^(\d{1,9}[ymdh])+$/.test(text)) {
    throw new InvalidArgumentError("Write years, months, days and hours, such as '1y5m7d2h'.");
  }
  const span = { years: 0, months: 0, days: 0, hours: 0 };
  for (const [, digits, unit] of text.matchAll(/(\d+)([ymdh])/g)) {
    span[UNITS[unit ?? ""]!] = Number(digits);
  }
  return span;
}

/** Milliseconds from a number of days and hours, `7d` or `1d12h`; 0 is 0. */
export function parseGrace(text: string): number {
  if (text === "0") return 0;
  if (/^(\d{1,6}[dh])+$/.test(text)) {
    const { days, hours } = parseKeepSpan(text);
    return (days * 24 + hours) * HOUR_MS;
  }
  throw new InvalidArgumentError("Write days and hours, such as '7d', or 0.");
}

/** How much may be removed of a group: `90%`, or a number of snapshots. */
export function parseForgetLimit(text: string): ForgetLimit {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)(%?)$/.exec(text);
  const value = Number(match?.[1] ?? NaN);
  if (match?.[2] === "%" && value <= 100) return { share: value / 100 };
  if (match?.[2] === "" && Number.isInteger(value)) return { count: value };
  throw new InvalidArgumentError("Write a share such as '50%', or a number of snapshots.");
}
