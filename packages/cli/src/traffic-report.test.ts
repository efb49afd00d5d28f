import { Traffic } from "@tsbak/core";
import { expect, test } from "vitest";
import type { Context } from "./context.ts";
import { describeTraffic, trafficFields } from "./traffic-report.ts";

function busy(): Traffic {
  const traffic = new Traffic();
  traffic.noteRequest("write", "A");
  traffic.noteRequest("write", "A");
  traffic.noteRequest("read", "B");
  traffic.noteRequest("remove", undefined);
  traffic.noteBytes("write", 2048);
  traffic.noteBytes("read", 10);
  traffic.retries = 1;
  return traffic;
}

const of = (...traffic: Traffic[]): Context => ({ traffic }) as unknown as Context;

test("trafficFields() adds up what was asked of all stores, under names of ours", () => {
  expect(trafficFields(of(busy(), busy()))).toEqual({
    tsbak_requests: { write: 4, read: 2, remove: 2 },
    tsbak_price_classes: { A: 4, B: 2 },
    tsbak_retries: 2,
    tsbak_bytes_sent: 4096,
    tsbak_bytes_received: 20,
  });
});

test("describeTraffic() says it in a line", () => {
  expect(describeTraffic(of(busy()))).toBe(
    "requests: 2 write, 1 read, 1 remove; charged as 2 of class A, 1 of class B; 1 repeated; sent 2.000 KiB, received 10 B",
  );
});

test("Nothing is said of stores that were asked nothing, or are not counted", () => {
  expect(trafficFields(of(new Traffic()))).toEqual({});
  expect(describeTraffic(of())).toBeUndefined();
});
