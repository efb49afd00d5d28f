import { expect, test } from "vitest";
import { Scratch } from "./scratch.ts";

test("Scratch lets go of what is larger than it keeps when less is asked for", () => {
  const scratch = new Scratch(1 << 20);
  const long = scratch.atLeast(5 << 20);
  expect(long.length).toBeGreaterThanOrEqual(5 << 20);

  const short = scratch.atLeast(1000);

  expect(long.buffer.byteLength).toBe(0);
  expect(short.length).toBe(1 << 20);
  expect(scratch.atLeast(2000).buffer).toBe(short.buffer);
});
