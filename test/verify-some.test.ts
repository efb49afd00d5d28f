import * as fs from "node:fs";
import { openBackend } from "@tsbak/backends";
import { backup, openRepository } from "@tsbak/core";
import { BRISK_CLOCK, TestingRepository } from "@tsbak/core/testing";
import { expect, test } from "vitest";
import { requirePeer, Workshop } from "./peers.ts";
import { initRepository, runOn } from "./steps.ts";

const isReady = requirePeer("tsbak") && requirePeer("restic");

test.skipIf(!isReady)("verify of some snapshots judges as restic's check does", async () => {
  const workshop = new Workshop();
  try {
    const at = await initRepository(workshop, "tsbak", "repository");
    const options = { password: "correct horse", locking: { clock: BRISK_CLOCK } };
    const repository = await openRepository(await openBackend(at.folder), options);
    const ids: string[] = [];
    const packs: string[][] = [];
    for (const hostname of ["one", "two"]) {
      fs.mkdirSync(workshop.path(hostname));
      fs.writeFileSync(workshop.path(hostname, "file"), hostname.repeat(50_000));
      const { snapshot } = await backup(repository, [workshop.path(hostname)], { hostname });
      ids.push(snapshot?.id.slice(0, 10) ?? "");
      packs.push(await repository.listNames("pack"));
    }
    const [, ofTwo = ""] = ids;
    const isOfTwo = (pack: string): boolean => packs[0]?.includes(pack) === false;
    await new TestingRepository(repository).flip("pack", packs[1]?.find(isOfTwo) ?? "", 20);

    const cases: readonly (readonly [readonly string[], number])[] = [
      [["--host", "one"], 0],
      [["latest", "--host", "two"], 1],
      [[ofTwo, "--host", "two"], 1],
    ];
    for (const [args, expected] of cases) {
      const results = await Promise.all(
        (["tsbak", "restic"] as const).map((tool) =>
          runOn(at, tool, ["check", "--read-data", "--no-lock", ...args]),
        ),
      );
      expect([args, ...results.map(({ code }) => code)]).toEqual([args, expected, expected]);
    }
    const { stdout } = await runOn(at, "tsbak", ["check", "--no-lock", "--host", "one"]);
    expect(stdout).toMatch(/^checked 1 of 2 snapshots, \d trees?, and the index of \d packs$/m);
  } finally {
    workshop.close();
  }
});
