import { headerOf } from "./transport.ts";
import type { HttpHeaders } from "./transport.ts";

/**
 * How long a server wants to be left alone, in milliseconds from `now`: Retry-After in seconds or as a date (RFC 9110, section
 * 10.2.3). Undefined if it does not say, or nothing that can be understood.
 */
export function retryAfterMs(headers: HttpHeaders, now: number = Date.now()): number | undefined {
  const text = headerOf(headers, "retry-after")?.trim();
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Every form of date begins with the name of a day; Date.parse would take much else.
  const date = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
