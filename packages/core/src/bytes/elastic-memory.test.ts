import { expect, test } from "vitest";
import { ElasticMemory } from "./elastic-memory.ts";

test("ElasticMemory gives as much as is asked for, and takes it back with the next call", () => {
  const memory = new ElasticMemory(10, 100);
  const first = memory.take(5);
  const long = memory.take(60);
  expect([first.length, long.length]).toEqual([5, 60]);
  expect(first.buffer).toBe(long.buffer);

  memory.take(3);

  expect(long.buffer.byteLength).toBe(10);
  expect(long.length).toBe(0);
  expect(memory.take(101).length).toBe(101);
});
