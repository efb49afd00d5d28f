import type { PackLedger } from "./pack-ledger.ts";
import type { PackSize } from "./read-budget.ts";

const DAY = 86_400;
/** How far back a reading counts, in days. */
const COVERAGE_DAYS = 30;
/** A clock may be a little ahead when something is noted; more than that and it was wrong. */
const FUTURE_SECONDS = DAY;

/** How much of the packs was read in full and found whole within the last days, as this machine remembers it. */
export interface Coverage {
  readonly days: number;
  /** Packs of the index, and their size in bytes. */
  readonly packs: number;
  readonly bytes: number;
  /** Those of them that were read. */
  readonly packsRead: number;
  readonly bytesRead: number;
  /** The pack that has waited longest of those that were not read in these days. */
  readonly oldest: UnreadPack | undefined;
}

/** A pack that was not read for a while. */
export interface UnreadPack {
  readonly name: string;
  /** When it was read and found whole, in seconds since 1970; undefined if it never was. */
  readonly readAt: number | undefined;
  /** The same, or when this machine saw it first. */
  readonly knownSince: number;
}

/** Sum up the ledger. `now` in seconds since 1970. */
export function sumCoverage(
  packs: readonly PackSize[],
  names: readonly string[],
  ledger: PackLedger,
  now: number,
): Coverage {
  const sum = { packs: 0, bytes: 0, packsRead: 0, bytesRead: 0 };
  let oldest: number | undefined;
  for (const { pack, size } of packs) {
    const readAt = ledger.readAt(pack);
    sum.packs++;
    sum.bytes += size;
    if (readAt !== undefined && isRecent(readAt, now)) {
      sum.packsRead++;
      sum.bytesRead += size;
    } else if (oldest === undefined || ledger.knownSince(pack) < ledger.knownSince(oldest)) {
      oldest = pack;
    }
  }
  return { days: COVERAGE_DAYS, ...sum, oldest: describe(oldest, names, ledger) };
}

function isRecent(readAt: number, now: number): boolean {
  return readAt > now - COVERAGE_DAYS * DAY && readAt < now + FUTURE_SECONDS;
}

function describe(
  pack: number | undefined,
  names: readonly string[],
  ledger: PackLedger,
): UnreadPack | undefined {
  if (pack === undefined) return undefined;
  const [readAt, knownSince] = [ledger.readAt(pack), ledger.knownSince(pack)];
  return { name: names[pack] as string, readAt, knownSince };
}
