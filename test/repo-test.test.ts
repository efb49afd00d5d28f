import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import type { StoreAssessment } from "@tsbak/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer, Workshop } from "./peers.ts";
import { commandAt, NETWORK_STORES } from "./servers/network-stores.ts";

let shop: Workshop;

/** Small, so that it takes no time. */
const QUICK = ["repo-test", "--size", "64K", "--files", "20"];

describe.skipIf(!requirePeer("tsbak"))("tsbak repo-test", () => {
  beforeAll(() => {
    shop = new Workshop();
  });
  afterAll(() => shop.close());

  test("finds a local folder fit, in a table, and leaves nothing there", async () => {
    const place = shop.path("place");
    mkdirSync(place);

    const { code, stdout, stderr } = await shop.runTsbak([...QUICK, place]);

    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^files are not replaced +yes$/m);
    expect(stdout).toMatch(/^upload( +[\d.]+ \w+\/s){2}$/m);
    expect(stdout).toMatch(/^clock of the store: as ours$/m);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("The store is fit for backups.");
    expect(readdirSync(place)).toEqual([]);
  });

  test("prints one JSON message", async () => {
    const { code, stdout } = await shop.runTsbak([...QUICK, "--json", "-r", shop.path("other")]);

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      message_type: "summary",
      fit: true,
      files_left_behind: 0,
      folders_removed: true,
    });
  });

  test("does not touch a repository that is there", async () => {
    const repository = shop.path("repository");
    await shop.must("tsbak", ["-r", repository, "init"]);
    const before = readdirSync(repository, { recursive: true }).sort();

    await shop.must("tsbak", [...QUICK, "-r", repository]);

    expect(readdirSync(repository, { recursive: true }).sort()).toEqual(before);
  });

  test("says in one line that a location takes nothing", async () => {
    writeFileSync(shop.path("file"), "");

    const { code, stderr } = await shop.runTsbak([...QUICK, shop.path("file")]);

    expect(code).toBe(1);
    expect(stderr).toMatch(/^Fatal: Cannot create a repository in [^\n]+\n$/);
  });

  for (const [name, { isHere, start }] of Object.entries(NETWORK_STORES))
    test.skipIf(!isHere())(`finds ${name} fit, and leaves no files there`, async () => {
      const folder = shop.path(name);
      mkdirSync(folder);
      const store = await start(folder);
      try {
        const { args, env } = commandAt(store.at(store.port, "place"));

        const { stdout, stderr, code } = await shop.runTsbak([...QUICK, "--json", ...args], {
          env,
        });

        expect([code, stderr]).toEqual([0, ""]);
        expect(JSON.parse(stdout)).toMatchObject({ fit: true, files_left_behind: 0 });
        const report = JSON.parse(stdout) as StoreAssessment & {
          readonly clock_ahead_ms: number | null;
        };
        expect(report.checks.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
        // B2 does not tell its time.
        if (name === "b2") expect(report.clock_ahead_ms).toBeNull();
        else expect(Math.abs(report.clock_ahead_ms ?? Infinity)).toBeLessThan(60_000);
      } finally {
        await store.stop();
      }
    });
});
