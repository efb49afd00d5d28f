import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer, Workshop, type RunOptions } from "./peers.ts";

let shop: Workshop;

function must(args: readonly string[], options?: RunOptions): Promise<string> {
  return shop.must("tsbak", ["-r", shop.path("repo"), ...args], options);
}

/** Bytes of all that is cached. */
function cachedBytes(): number {
  const names = readdirSync(shop.path("cache"), { recursive: true }) as string[];
  return names
    .map((name) => statSync(join(shop.path("cache"), name)))
    .filter((stats) => stats.isFile() && stats.size > 100)
    .reduce((sum, { size }) => sum + size, 0);
}

const areThere = requirePeer("tsbak") && requirePeer("restic");

describe.skipIf(!areThere)("The cache", () => {
  beforeAll(async () => {
    shop = new Workshop();
    mkdirSync(shop.path("source"));
    // Names are long and random, so that trees are large.
    for (let count = 0; count < 200; count++) {
      writeFileSync(shop.path("source", randomBytes(100).toString("hex")), "");
    }
    await must(["init"]);
  });
  afterAll(() => shop.close());

  test("is kept within --cache-limit, also what restic put there", async () => {
    await shop.must("restic", ["-r", shop.path("repo"), "backup", shop.path("source")]);
    const unlimited = cachedBytes();
    expect(unlimited).toBeGreaterThan(10_000);

    await must(["backup", "--force", shop.path("source")], { env: { TSBAK_CACHE_LIMIT: "8K" } });
    expect(cachedBytes()).toBeLessThanOrEqual(8192);

    await must(["backup", "--cache-limit", "1G", "--force", "--tag", "x", shop.path("source")]);
    expect(cachedBytes()).toBeGreaterThan(1000);
    expect(await must(["ls", "latest"], { env: { TSBAK_CACHE_LIMIT: "0" } })).toContain("source");
  });

  test("refuses a limit that is no size", async () => {
    const env = { TSBAK_CACHE_LIMIT: "much" };
    const result = await shop.runTsbak(["-r", shop.path("repo"), "snapshots"], { env });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("Cannot use CACHE_LIMIT");
  });

  test("is removed with --cleanup-cache if nobody used it for 30 days", async () => {
    const old = shop.path("cache", "ab".repeat(32));
    mkdirSync(old);
    utimesSync(old, 1, 1);

    await must(["snapshots"]);
    expect(existsSync(old)).toBe(true);
    await must(["snapshots", "--cleanup-cache"]);
    expect(existsSync(old)).toBe(false);
    expect(cachedBytes()).toBeGreaterThan(0);
  });
});
