import { TsbakError } from "../../errors.ts";

/** Which packs are read. */
export type Subset =
  /** Those whose first byte, divided by `of`, leaves `part` - 1: all parts from 1 to `of` together are everything. */
  | { readonly part: number; readonly of: number }
  /** A random choice of this share, above 0 and at most 100. */
  | { readonly percent: number }
  /** A random choice of about this many bytes. */
  | { readonly size: number };

/** A pack that may be chosen. */
export interface PackChoice {
  /** 64 hex digits. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};
const MAX_PARTS = 256;

/**
 * A subset as people write it, in restic's words: `2/5`, `2.5%`, `500M`.
 *
 * @throws {TsbakError} `invalid-argument` for anything else.
 */
export function parseSubset(text: string): Subset {
  const subset = parsePart(text) ?? parsePercent(text) ?? parseSize(text);
  if (subset !== undefined) return subset;
  throw new TsbakError(
    "invalid-argument",
    `Cannot read subset "${text}": it is none of "n/t" (1 <= n <= t <= ${MAX_PARTS}), "x%" (above 0, at most 100) and a size such as "500M"; correct it`,
  );
}

function parsePart(text: string): Subset | undefined {
  const match = /^(\d{1,9})\/(\d{1,9})$/.exec(text);
  if (match === null) return undefined;
  const part = Number(match[1]);
  const of = Number(match[2]);
  return part >= 1 && part <= of && of <= MAX_PARTS ? { part, of } : undefined;
}

function parsePercent(text: string): Subset | undefined {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  const percent = Number(match?.[1]);
  return percent > 0 && percent <= 100 ? { percent } : undefined;
}

function parseSize(text: string): Subset | undefined {
  const match = /^(\d+)([KMGT]?)(?:i?B)?$/i.exec(text);
  const size = Number(match?.[1]) * (UNITS[match?.[2]?.toUpperCase() ?? ""] ?? NaN);
  return size > 0 && size <= Number.MAX_SAFE_INTEGER ? { size } : undefined;
}

/** The packs of a subset. Of a random choice, at least one if there is any. `random` yields numbers from 0 to below 1. */
export function choosePacks<Pack extends PackChoice>(
  packs: readonly Pack[],
  subset: Subset,
  random: () => number = Math.random,
): Pack[] {
  if ("part" in subset) {
    return packs.filter(
      ({ name }) => parseInt(name.slice(0, 2), 16) % subset.of === subset.part - 1,
    );
  }
  const shuffled = shuffle(packs, random);
  if ("percent" in subset) {
    return shuffled.slice(0, Math.max(1, Math.round((packs.length * subset.percent) / 100)));
  }
  let left = subset.size;
  const fits = ({ size }: Pack): boolean => {
    const isWanted = left > 0;
    left -= size;
    return isWanted;
  };
  return shuffled.filter(fits);
}

function shuffle<Item>(items: readonly Item[], random: () => number): Item[] {
  const shuffled = [...items];
  for (let at = shuffled.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [shuffled[at], shuffled[other]] = [shuffled[other] as Item, shuffled[at] as Item];
  }
  return shuffled;
}
