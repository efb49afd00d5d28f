import { expect, test } from "vitest";
import { pageMemory } from "./page-memory.ts";
import { releaseBytes, releaseMemory } from "./release-memory.ts";

test("releaseMemory() leaves nothing of memory that can grow", () => {
  const memory = pageMemory(10_000);

  releaseMemory(memory.buffer);

  expect(memory.buffer.byteLength).toBe(0);
  expect(memory.length).toBe(0);
});

test("releaseBytes() leaves memory alone of which there are other parts", () => {
  const all = new Uint8Array(100).fill(7);

  releaseBytes(all.subarray(0, 50));

  expect(all[99]).toBe(7);
});
