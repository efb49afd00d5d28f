import { expect, test } from "vitest";

import { describeBackend } from "../testing/backend-suite.ts";
import type { Backend, FileRef, OpenFile } from "./backend.ts";
import { withBandwidth } from "./bandwidth.ts";
import { MemoryBackend } from "./memory.ts";
import { Traffic, withTraffic } from "./traffic.ts";

const FAST = { upload: 1e12, download: 1e12 };
describeBackend("withBandwidth()", async () => withBandwidth(new MemoryBackend(), FAST));

const pack = (digit: string): FileRef => ({ kind: "pack", name: digit.repeat(64) });

/** A store behind a clock that only sleeping moves. */
function setUp(limits: { upload?: number; download?: number }): {
  backend: Backend;
  seconds: () => number;
} {
  let time = 0;
  const sleep = async (milliseconds: number): Promise<void> => void (time += milliseconds);
  const clock = { now: () => time, sleep };
  const store = withTraffic(new MemoryBackend(), new Traffic());
  return { backend: withBandwidth(store, { ...limits, clock }), seconds: () => time / 1000 };
}

test("withBandwidth() holds all uploads together to the rate, and downloads to another", async () => {
  const { backend, seconds } = setUp({ upload: 1000, download: 5000 });

  for (const digit of "12345") await backend.write(pack(digit), new Uint8Array(1000));
  expect(seconds()).toBeCloseTo(5);
  for (const digit of "12345") await backend.read(pack(digit));
  expect(seconds()).toBeCloseTo(6);
});

test("withBandwidth() lets pass freely what has no limit", async () => {
  const { backend, seconds } = setUp({ download: 10 });

  await backend.write(pack("1"), new Uint8Array(1000));

  expect(seconds()).toBe(0);
});

test("withBandwidth() opens no files when downloads are limited", () => {
  const openFile = async (): Promise<OpenFile> => expect.fail("opened");
  const store: Backend = Object.assign(new MemoryBackend(), { openFile });

  expect(withBandwidth(store, { download: 1 }).openFile).toBeUndefined();
  expect(withBandwidth(store, { upload: 1 }).openFile).toBeDefined();
});
