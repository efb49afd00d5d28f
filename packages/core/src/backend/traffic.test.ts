import { expect, test } from "vitest";

import { describeBackend } from "../testing/backend-suite.ts";
import type { Backend, CallOptions, FileRef } from "./backend.ts";
import { MemoryBackend } from "./memory.ts";
import { Traffic, withTraffic } from "./traffic.ts";

describeBackend("withTraffic()", async () => withTraffic(new MemoryBackend(), new Traffic()));

const BYTES = new Uint8Array(100);
const pack = (at: number): FileRef => ({
  kind: "pack",
  name: at.toString(16).padStart(64, "0"),
});

test("withTraffic() adds up requests and bytes, also of calls that fail", async () => {
  const traffic = new Traffic();
  const backend = withTraffic(new MemoryBackend(), traffic);

  await backend.write(pack(1), BYTES);
  await expect(backend.write(pack(1), BYTES)).rejects.toThrow();
  await backend.read(pack(1));
  await backend.read(pack(1), { offset: 0, length: 10 });
  await backend.stat(pack(1));
  await backend.remove(pack(1));

  expect(traffic.requests).toEqual({ create: 0, write: 2, read: 2, stat: 1, list: 0, remove: 1 });
  expect([traffic.bytesSent, traffic.bytesReceived]).toEqual([100, 110]);
  expect([...traffic.priceClasses]).toEqual([]);
});

test("withTraffic() counts by the classes of the store, and long listings by 1000 files", async () => {
  const inner = new MemoryBackend();
  for (let at = 0; at < 2500; at++) await inner.write(pack(at), Uint8Array.of(1));
  const store: Backend = Object.assign(inner, {
    priceClasses: { write: "A", list: "A", read: "B", stat: "B" },
  });
  const traffic = new Traffic();
  const backend = withTraffic(store, traffic);

  for await (const file of backend.list("pack")) expect(file.size).toBe(1);
  await backend.read(pack(1));
  await backend.remove(pack(1));

  expect(traffic.requests.list).toBe(3);
  expect(Object.fromEntries(traffic.priceClasses)).toEqual({ A: 3, B: 1 });
});

test("withTraffic() reports all bytes of a call once, whether the store reports some or none", async () => {
  class ReportingBackend extends MemoryBackend {
    override async write(ref: FileRef, bytes: Uint8Array, options?: CallOptions): Promise<void> {
      for (let at = 0; at < 4; at++) await options?.onBytes?.(25);
      await super.write(ref, bytes, options);
    }
  }
  for (const [store, expected] of [
    [new ReportingBackend(), [25, 25, 25, 25]],
    [new MemoryBackend(), [100]],
  ] as const) {
    const pieces: number[] = [];
    const onBytes = (count: number): undefined => void pieces.push(count);
    const traffic = new Traffic();

    await withTraffic(store, traffic).write(pack(1), BYTES, { onBytes });

    expect(pieces).toEqual(expected);
    expect(traffic.bytesSent).toBe(100);
  }
});
