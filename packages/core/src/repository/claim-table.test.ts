import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { ClaimTable, createClaims } from "./claim-table.ts";

function idOf(number: number): Uint8Array {
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(4, Math.imul(number, 2654435761) >>> 0, true);
  new DataView(id.buffer).setUint32(28, number);
  return id;
}

describe("ClaimTable", () => {
  test("grants a blob to the first who claims it only", () => {
    const shared = createClaims();
    const [one, other] = [new ClaimTable(shared), new ClaimTable(shared)];

    expect(one.claim("data", idOf(1))).toBe(true);
    expect(one.claim("data", idOf(1))).toBe(false);
    expect(other.claim("data", idOf(1))).toBe(false);
    expect(other.claim("tree", idOf(1))).toBe(true);
  });

  test("remembers claims when it grows through several levels", () => {
    const claims = new ClaimTable(createClaims());
    const count = 200_000;
    for (let n = 0; n < count; n++) expect(claims.claim("data", idOf(n))).toBe(true);

    for (let n = 0; n < count; n++) expect(claims.claim("data", idOf(n))).toBe(false);
  });

  test("grants nearly every blob to exactly one of several threads", async () => {
    const shared = createClaims();
    const count = 20_000;
    const code = `
      import { parentPort, workerData } from "node:worker_threads";
      const { ClaimTable } = await import(workerData.module);
      const claims = new ClaimTable(workerData.shared);
      let granted = 0;
      const id = new Uint8Array(32);
      const view = new DataView(id.buffer);
      for (let n = 0; n < ${count}; n++) {
        view.setUint32(4, Math.imul(n, 2654435761) >>> 0, true);
        view.setUint32(28, n);
        if (claims.claim("data", id)) granted++;
      }
      parentPort.postMessage(granted);`;
    const workerData = { shared, module: new URL("./claim-table.ts", import.meta.url).href };
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const granted = await Promise.all(
      [1, 2, 3].map(async () => {
        const worker = new Worker(url, { workerData });
        return new Promise<number>((resolve, reject) => {
          worker.once("message", resolve);
          worker.once("error", reject);
        });
      }),
    );

    const total = granted.reduce((sum, some) => sum + some, 0);
    expect(total).toBeGreaterThanOrEqual(count);
    // Two may be granted the same blob in the very instant that a level fills up, and then only.
    expect(total).toBeLessThanOrEqual(count + 10);
  });
});
