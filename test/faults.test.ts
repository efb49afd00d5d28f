import { describe, expect, test } from "vitest";
import { FAULT_STORES } from "./prove/fault-stores.ts";
import { proveFaults } from "./prove/faults.ts";

/** Once around the weathers. */
const RUNS = 3;

/** Those of S3 are much alike: one of them will do. */
const STORES = Object.entries(FAULT_STORES).filter(([name]) => name !== "radosgw");

describe("backup and restore in bad weather end well, or in a clear error with a whole repository", () => {
  for (const [store, isHere] of STORES) {
    test.skipIf(!isHere())(`at ${store}`, async () => {
      const { failures, figures } = await proveFaults({ store, runs: RUNS, seed: "ci" });

      expect(failures).toEqual([]);
      expect(figures).toMatchObject({ runs: RUNS });
      expect(figures["faults"]).toBeGreaterThan(0);
    });
  }
});
