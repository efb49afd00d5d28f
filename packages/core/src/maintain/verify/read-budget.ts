import { TsbakError } from "../../errors.ts";
import type { PackLedger } from "./pack-ledger.ts";

/** How much of the packs a run may read. */
export type ReadBudget =
  /** So many milliseconds from the beginning of the run. Packs that were begun are finished. */
  | { readonly milliseconds: number }
  /** So many bytes at most, but at least one pack. */
  | { readonly bytes: number }
  /** So much that every pack is read once in so many runs: each time about this part of the bytes. */
  | { readonly runs: number };

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
const UNIT_BYTES: Readonly<Record<string, number>> = {
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};
const MOST_RUNS = 10_000;
/** A run reads no more than this times its part, however much is overdue. */
const MOST_PARTS = 2;

/**
 * A budget as people write it: `20m`, `1h30m`; `5GiB`, `500M`; `1/30`.
 *
 * @throws {TsbakError} `invalid-argument` for anything else.
 */
export function parseReadBudget(text: string): ReadBudget {
  const budget = parseRuns(text) ?? parseTime(text) ?? parseBytes(text);
  if (budget !== undefined) return budget;
  throw new TsbakError(
    "invalid-argument",
    `Cannot read budget "${text}": it is none of a time such as "20m" or "1h30m", a size such as "500M" or "5GiB", and a part such as "1/30"; correct it`,
  );
}

function parseRuns(text: string): ReadBudget | undefined {
  const runs = Number(/^1\/(\d{1,5})$/.exec(text)?.[1]);
  return runs >= 1 && runs <= MOST_RUNS ? { runs } : undefined;
}

function parseTime(text: string): ReadBudget | undefined {
  if (!/^(\d{1,9}[hms])+$/.test(text)) return undefined;
  let milliseconds = 0;
  for (const [, number, unit = ""] of text.matchAll(/(\d+)([hms])/g)) {
    milliseconds += Number(number) * (UNIT_MS[unit] ?? NaN);
  }
  return milliseconds > 0 ? { milliseconds } : undefined;
}

function parseBytes(text: string): ReadBudget | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT])(?:i?B)?$/.exec(text);
  const bytes = Math.floor(Number(match?.[1]) * (UNIT_BYTES[match?.[2] ?? ""] ?? NaN));
  return bytes > 0 && bytes <= Number.MAX_SAFE_INTEGER ? { bytes } : undefined;
}

/** A pack that may be read. */
export interface PackSize {
  /** As in the index. */
  readonly pack: number;
  /** In bytes. */
  readonly size: number;
}

/**
 * The packs that a run should read, those that have waited longest first; with a time all of them, and the caller stops when it has
 * passed. None is ever passed over, so that each has its turn.
 */
export function choosePacksDue<Pack extends PackSize>(
  packs: readonly Pack[],
  ledger: PackLedger,
  budget: ReadBudget,
): Pack[] {
  const waiting = packs.toSorted((a, b) => ledger.compare(a.pack, b.pack));
  if ("milliseconds" in budget) return waiting;
  if ("runs" in budget) {
    const wanted = bytesDue(waiting, ledger, budget.runs);
    return takeWhile(waiting, (before) => before < wanted);
  }
  return takeWhile(waiting, (before, { size }) => before === 0 || before + size <= budget.bytes);
}

/**
 * The fewest bytes with which, if this and the coming runs read as many, each pack is read in time: at the latest so many runs after it
 * was read last or seen first. At least that part of all bytes. If half of a repository is removed, the rest is still in time.
 */
function bytesDue(waiting: readonly PackSize[], ledger: PackLedger, runs: number): number {
  let sum = 0;
  let due = 0;
  for (const { pack, size } of waiting) {
    sum += size;
    const runsLeft = Math.min(Math.max(runs - ledger.runsSince(pack) + 1, 1), runs);
    due = Math.max(due, sum / runsLeft);
  }
  return Math.min(due, (sum * MOST_PARTS) / runs);
}

function takeWhile<Pack extends PackSize>(
  packs: readonly Pack[],
  isWanted: (bytesBefore: number, pack: Pack) => boolean,
): Pack[] {
  let bytes = 0;
  const end = packs.findIndex((pack) => {
    const stops = !isWanted(bytes, pack);
    bytes += pack.size;
    return stops;
  });
  return end < 0 ? [...packs] : packs.slice(0, end);
}
