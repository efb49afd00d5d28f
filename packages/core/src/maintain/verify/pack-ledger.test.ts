import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { PackLedger, type PackNames } from "./pack-ledger.ts";
import { choosePacksDue, parseReadBudget, type PackSize } from "./read-budget.ts";

const DAY = 86_400;

/** Packs as an index numbers them. */
function namesOf(packs: readonly string[]): PackNames {
  const names = packs.map((pack) => createHash("sha256").update(pack).digest("hex"));
  const numbers = new Map(names.map((name, at) => [name, at]));
  const packNumber = (name: string): number => numbers.get(name) ?? NaN;
  return { packs: names, hasPack: (name) => numbers.has(name), packNumber };
}

function open(packs: readonly string[], bytes: Uint8Array | undefined, now = 0): PackLedger {
  return new PackLedger(namesOf(packs), bytes, { now, reads: true });
}

/** Random numbers from 0 to below 1 that are the same each time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("a ledger tells what was noted in it, and forgets packs that are gone", () => {
  const first = open(["a", "b", "c"], undefined, 1000);
  first.noteWhole(1, 1005);
  first.noteWhole(2, 1007);

  const second = open(["d", "c", "b"], first.encode(), 2000);

  expect([0, 1, 2].map((pack) => second.readAt(pack))).toEqual([undefined, 1007, 1005]);
  expect(second.knownSince(0)).toBe(2000);
  expect(open(["a"], second.encode(), 3000).knownSince(0)).toBe(3000);
});

test("a ledger that was damaged anywhere, cut or lengthened counts nothing", () => {
  const ledger = open(["a", "b"], undefined);
  ledger.noteWhole(0, 5);
  const bytes = ledger.encode();
  expect(open(["a", "b"], bytes).readAt(0)).toBe(5);

  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] as number) ^ 1;
    expect(open(["a", "b"], flipped).readAt(0)).toBeUndefined();
    expect(open(["a", "b"], bytes.subarray(0, at)).readAt(0)).toBeUndefined();
  }
  expect(open(["a", "b"], Buffer.concat([bytes, bytes])).readAt(0)).toBeUndefined();
});

test("a damaged pack counts as never read, and is the first to be read in each run", () => {
  let ledger = open(["a", "b", "c"], undefined);
  ledger.noteWhole(2, 10);
  ledger.noteDamaged(2);
  expect(ledger.readAt(2)).toBeUndefined();

  for (let run = 0; run < 5; run++) {
    ledger = open(["a", "b", "c", `new ${run}`], ledger.encode());
    const packs = [0, 1, 2, 3].map((pack) => ({ pack, size: 1 }));
    const [first] = choosePacksDue(packs, ledger, { bytes: 1 });
    expect(first?.pack).toBe(2);
    ledger.noteDamaged(2);
  }
});

test("those never read come first, then those that were read the longest ago, whatever the clock said", () => {
  let ledger = open(["a", "b", "c", "d"], undefined);
  ledger.noteWhole(1, 4e9);
  ledger = open(["a", "b", "c", "d"], ledger.encode(), 10);
  ledger.noteWhole(3, 10);
  ledger = open(["a", "b", "c", "d"], ledger.encode(), 20);

  expect([0, 1, 2, 3].sort((a, b) => ledger.compare(a, b))).toEqual([0, 2, 1, 3]);
});

interface Pack {
  readonly name: string;
  readonly size: number;
  readonly bornAt: number;
  readAt: number;
}

/** Days of a repository that grows and shrinks, and is verified once a day; returns the most days that a pack waited. */
function live(days: number, seed: number, grow: (day: number, random: () => number) => number) {
  const random = seeded(seed);
  let packs: Pack[] = [];
  let bytes: Uint8Array | undefined;
  let count = 0;
  let [longest, mostRead] = [0, 0];
  for (let day = 1; day <= days; day++) {
    const change = grow(day, random);
    for (let added = 0; added < change; added++) {
      const size = 1 + Math.floor(random() * 20);
      packs.push({ name: `pack ${count++}`, size, bornAt: day, readAt: 0 });
    }
    // A prune removes some of all ages.
    if (change < 0) packs = packs.filter(() => random() >= -change);
    const ledger = open(
      packs.map(({ name }) => name),
      bytes,
      day * DAY,
    );
    const sizes: PackSize[] = packs.map(({ size }, pack) => ({ pack, size }));
    const chosen = choosePacksDue(sizes, ledger, parseReadBudget("1/30"));
    for (const { pack } of chosen) {
      ledger.noteWhole(pack, day * DAY);
      (packs[pack] as Pack).readAt = day;
    }
    bytes = ledger.encode();
    const sum = (list: readonly PackSize[]): number =>
      list.reduce((all, { size }) => all + size, 0);
    mostRead = Math.max(mostRead, sum(chosen) / sum(sizes));
    for (const { bornAt, readAt } of packs)
      longest = Math.max(longest, day + 1 - (readAt || bornAt));
  }
  return { longest, mostRead, packs };
}

test("30 daily runs of 1/30 on a growing repository read every pack that is older than a month", () => {
  const { packs, mostRead } = live(30, 1, (day) => (day === 1 ? 900 : 25));

  const old = packs.filter(({ bornAt }) => bornAt === 1);
  expect(old).toHaveLength(900);
  expect(old.every(({ readAt }) => readAt > 0)).toBe(true);
  expect(mostRead).toBeLessThan(1 / 25);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "runs of 1/30 never leave a pack unread for more than 30 days (seed %s)",
  (seed) => {
    // Quiet days, busy days, and sometimes a prune that takes up to a third of all packs.
    const grow = (day: number, random: () => number): number => {
      if (day === 1) return 200 + Math.floor(random() * 200);
      if (random() < 0.03) return -random() / 3;
      return random() < 0.2 ? 0 : Math.floor(random() * 12);
    };

    const { longest, mostRead } = live(200, seed, grow);

    expect(longest).toBeLessThanOrEqual(30);
    expect(mostRead).toBeLessThan(0.08);
  },
);

test("a budget in bytes is kept, but for one pack that alone is larger, and passes over none", () => {
  const ledger = open(["a", "b", "c"], undefined);
  const packs = [
    { pack: 0, size: 500 },
    { pack: 1, size: 90 },
    { pack: 2, size: 5 },
  ];
  const choose = (bytes: number): number[] =>
    choosePacksDue(packs, ledger, { bytes }).map(({ pack }) => pack);

  expect(choose(10)).toEqual([0]);
  expect(choose(590)).toEqual([0, 1]);
  expect(choose(10_000)).toEqual([0, 1, 2]);
  ledger.noteWhole(0, 1);
  expect(choose(94)).toEqual([1]);
});

test.each([
  ["20m", { milliseconds: 1_200_000 }],
  ["1h30m", { milliseconds: 5_400_000 }],
  ["45s", { milliseconds: 45_000 }],
  ["5GiB", { bytes: 5 * 2 ** 30 }],
  ["500M", { bytes: 500 * 2 ** 20 }],
  ["1.5T", { bytes: 1.5 * 2 ** 40 }],
  ["1/30", { runs: 30 }],
])("parseReadBudget() reads %s", (text, budget) => {
  expect(parseReadBudget(text)).toEqual(budget);
});

test.each(["", "0m", "20", "5g", "2/30", "1/0", "1/x", "-1m", "m", "0M", "1/99999", "20 m"])(
  "parseReadBudget() refuses '%s'",
  (text) => {
    expect(() => parseReadBudget(text)).toThrow(/^Cannot read budget/);
  },
);
