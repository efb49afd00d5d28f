import type { Backend } from "@tsbak/core";

type PriceClasses = Backend["priceClasses"];

/** The names that operators give their prices on their bills. What is not in a list is free of charge. */
const OPERATORS: readonly (readonly [host: RegExp, classes: PriceClasses])[] = [
  [
    /(^|\.)amazonaws\.com(\.cn)?$/,
    { create: "Tier1", write: "Tier1", list: "Tier1", read: "Tier2", stat: "Tier2" },
  ],
  [
    /(^|\.)backblazeb2\.com$/,
    { create: "C", list: "C", read: "B", stat: "B", write: "A", remove: "A" },
  ],
  [
    /(^|\.)(r2\.cloudflarestorage\.com|storage\.googleapis\.com)$/,
    { create: "A", write: "A", list: "A", read: "B", stat: "B" },
  ],
];

/** What the operator of a host (with or without a port) calls the prices of its requests; undefined where nobody is known to charge. */
export function priceClassesOf(host: string): PriceClasses {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return OPERATORS.find(([pattern]) => pattern.test(name))?.[1];
}
