import { expect, test } from "vitest";

import { describeBackend } from "../testing/backend-suite.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import type { FileRef, OpenFile } from "./backend.ts";
import { MemoryBackend } from "./memory.ts";
import type { RetryNotice } from "./retry.ts";
import { Traffic } from "./traffic.ts";
import { wrapLocalStore, wrapStore } from "./wrap-store.ts";

describeBackend("wrapStore()", async () =>
  wrapStore(new MemoryBackend(), {
    traffic: new Traffic(),
    bandwidth: { upload: 1e12, download: 1e12 },
  }),
);

const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };

test("wrapStore() repeats a call, counts each attempt and tells of it", async () => {
  const faulty = new FaultyBackend(new MemoryBackend());
  for (const nth of [1, 2]) {
    faulty.on({ method: "write", nth }, { type: "fail", error: "unavailable" });
  }
  const traffic = new Traffic();
  const notices: RetryNotice["kind"][] = [];
  const backend = wrapStore(faulty, {
    traffic,
    retry: { sleep: async () => {}, onRetry: ({ kind }) => notices.push(kind) },
  });

  await backend.write(PACK, new Uint8Array(10));

  expect(notices).toEqual(["failed", "failed", "recovered"]);
  expect([traffic.requests.write, traffic.retries, traffic.bytesSent]).toEqual([3, 2, 10]);
});

test("wrapStore() holds no connection while it waits for the next attempt", async () => {
  const inner = Object.assign(new MemoryBackend(), { connections: 1 });
  await inner.write(PACK, new Uint8Array(10));
  const faulty = new FaultyBackend(inner);
  faulty.on({ method: "stat", nth: 1 }, { type: "fail", error: "unavailable" });
  let size: number | undefined;
  const sleep = async (): Promise<void> => {
    size = (await backend.read(PACK)).length;
  };
  const backend = wrapStore(faulty, { traffic: new Traffic(), retry: { sleep } });

  await backend.stat(PACK);

  expect(size).toBe(10);
});

test("wrapLocalStore() is the store itself unless bandwidth is limited", () => {
  const openFile = async (): Promise<OpenFile> => expect.fail("opened");
  const store = Object.assign(new MemoryBackend(), { openFile });

  expect(wrapLocalStore(store, {})).toBe(store);
  expect(wrapLocalStore(store, { download: 1 }).openFile).toBeUndefined();
});
