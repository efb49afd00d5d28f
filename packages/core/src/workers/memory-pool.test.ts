import { expect, test } from "vitest";
import { MemoryPool } from "./memory-pool.ts";

const MIB = 1 << 20;

test("MemoryPool lends what was given back again, also after it was transferred", async () => {
  const pool = new MemoryPool(MIB);
  const first = await pool.take(100_000);
  new Uint8Array(first.memory)[7] = 42;
  pool.give(first, structuredClone(first.memory, { transfer: [first.memory] }));

  const second = await pool.take(90_000);

  expect(second.memory.byteLength).toBeGreaterThanOrEqual(90_000);
  expect(new Uint8Array(second.memory)[7]).toBe(42);
});

test("MemoryPool lets in what fits, and what is larger than itself alone", async () => {
  const pool = new MemoryPool(3 * MIB);
  const order: string[] = [];
  const one = await pool.take(MIB);
  const waiting = pool.take(100 * MIB).then((loan) => {
    order.push("large");
    return loan;
  });
  const other = await pool.take(2 * MIB);
  order.push("small");
  pool.give(one);
  await Promise.resolve();
  order.push("one left");
  pool.give(other);
  const large = await waiting;
  const largeSize = large.memory.byteLength;
  const last = pool.take(1).then(() => order.push("last"));
  await Promise.resolve();
  order.push("large is in");
  pool.give(large);
  await last;

  expect(order).toEqual(["small", "one left", "large", "large is in", "last"]);
  expect(largeSize).toBeGreaterThanOrEqual(100 * MIB);
});

test("MemoryPool counts memory that does not come back as free", async () => {
  const pool = new MemoryPool(MIB);
  const loan = await pool.take(MIB);
  structuredClone(loan.memory, { transfer: [loan.memory] });
  pool.give(loan);

  expect((await pool.take(MIB)).memory.byteLength).toBe(MIB);
});
