/**
 * Random plans of faults: the same seed gives the same plan. Which request meets which fault still depends on the order in which a
 * program makes its requests, so faults are logged.
 *
 * @module
 */
import { Random } from "../random.ts";
import type { HttpFault, ProxiedRequest } from "./http-fault.ts";
import type { ConnectionFault } from "./tcp-proxy.ts";

/** How bad it is. */
export type Weather =
  /** A fault now and then. */
  | "showers"
  /** Every fourth request or connection fails. */
  | "storm"
  /** A stretch in which nothing goes. */
  | "outage"
  /** A fault now and then, and listings that are out of date. */
  | "fog"
  /** From some moment on nothing goes any more. */
  | "end"
  /** A fault now and then, and bytes that are not those that were stored. */
  | "lies";

const WEATHERS: readonly Weather[] = ["showers", "storm", "outage", "lies", "fog", "end"];

/** The weather of a run: each kind comes up in any six in a row. */
export function weatherOf(run: number): Weather {
  return WEATHERS[run % WEATHERS.length] ?? "showers";
}

/** A plan for requests over HTTP. */
export function planRequests(
  weather: Weather,
  seed: string,
): (request: ProxiedRequest) => HttpFault | undefined {
  const random = new Random(`requests ${seed}`);
  const start = random.between(2, 25);
  const rate = weather === "storm" ? 0.25 : 0.06;
  return ({ number, path }) => {
    if (weather === "end" || weather === "outage") {
      const end = weather === "end" ? Infinity : start + 25;
      return number >= start && number < end ? deadFault(random) : undefined;
    }
    if (weather === "lies" && random.chance(0.06)) return lie(random, path);
    return random.chance(rate) ? passingFault(random) : undefined;
  };
}

/** A plan for connections of any protocol. `usualBytes` is about what goes over one. */
export function planConnections(
  weather: Weather,
  seed: string,
  usualBytes: number,
): (connection: number) => ConnectionFault | undefined {
  const random = new Random(`connections ${seed}`);
  return (connection) => {
    const afterBytes = random.int(usualBytes);
    const type = random.chance(0.1) ? "stall" : "cut";
    // It begins in the middle of the first connection; after that none can be made.
    if (weather === "end" || (weather === "outage" && connection <= 6))
      return { type: "cut", afterBytes: connection === 1 ? afterBytes : 0 };
    if (weather === "outage") return undefined;
    return random.chance(weather === "storm" ? 0.8 : 0.4) ? { type, afterBytes } : undefined;
  };
}

/** What a repetition helps against. */
function passingFault(random: Random): HttpFault {
  const share = random.int(1000) / 1000;
  switch (random.int(8)) {
    case 0:
      return { type: "answer", status: 500 };
    case 1:
      return { type: "answer", status: 429, retryAfterSeconds: 0 };
    case 2:
      return { type: "answer", status: 503, retryAfterSeconds: random.chance(0.2) ? 1 : undefined };
    case 3:
      return { type: "cut-request", share };
    case 4:
      return { type: "lose-answer" };
    case 5:
      return random.chance(0.3) ? { type: "stall" } : { type: "answer", status: 503 };
    default:
      return { type: "truncate", share };
  }
}

/** The answers of a server that is not there. */
function deadFault(random: Random): HttpFault {
  return random.chance(0.5)
    ? { type: "answer", status: 503 }
    : { type: "cut-request", share: random.int(1000) / 1000 };
}

function lie(random: Random, path: string): HttpFault {
  const share = random.int(1000) / 1000;
  // Nothing says what is in a config, so nobody could notice that another one arrives.
  const isConfig = /\/config(\?|$)/.test(path);
  return { type: random.chance(0.5) && !isConfig ? "flip-request" : "flip", share };
}
