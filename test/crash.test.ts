import * as fs from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import { backup, findSnapshot, openRepository, restore, verify } from "@tsbak/core";
import { BRISK_CLOCK, createQuickly, FaultyBackend } from "@tsbak/core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeTree } from "./compare-trees.ts";
import { mutateTree } from "./mutate-tree.ts";
import { requirePeer, Workshop } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import { mustOn } from "./steps.ts";

const password = "correct horse";
/** Nobody else is there. */
const locking = { clock: BRISK_CLOCK };
/** The smallest allowed, so that one small backup writes several packs. */
const packSize = 4 * 2 ** 20;

let workshop: Workshop;
let source: string;
beforeEach(() => {
  workshop = new Workshop();
  source = workshop.path("source");
});
afterEach(() => workshop.close());

/** Back up `source` through a backend that dies at its nth write; gives whether it did. */
async function crashBackup(folder: string, nth: number, applied: boolean): Promise<boolean> {
  const backend = new FaultyBackend(await openBackend(folder));
  const repository = await openRepository(backend, { password, locking });
  backend.crashAt(nth, { applied });
  // When the last call is the removal of the lock, the backup may well succeed.
  await backup(repository, [source], { packSize }).catch(() => undefined);
  return backend.crashed;
}

/** The process that held them is dead; here it is this very process, so that they do not count as stale. */
function removeLocks(folder: string): void {
  for (const name of fs.readdirSync(join(folder, "locks"))) fs.rmSync(join(folder, "locks", name));
}

async function expectWhole(
  folder: string,
  id: string,
  expected: ReadonlyMap<string, string>,
): Promise<void> {
  const repository = await openRepository(await openBackend(folder), { password, locking });
  const report = await verify(repository, { readData: true });
  expect(report.errors).toEqual([]);
  const target = workshop.path("target");
  await restore(repository, await findSnapshot(repository, id), target);
  expect(describeTree(target + source)).toEqual(expected);
  fs.rmSync(target, { recursive: true });
}

test.skipIf(!requirePeer("restic")).each([
  ["before", false],
  ["after", true],
])(
  "backup() leaves the earlier snapshot whole when it dies %s any of its writes",
  async (_, applied) => {
    makeRandomTree(source, { seed: 1, size: 6e6, files: 40 });
    const folder = workshop.path("repository");
    const repository = await createQuickly(await openBackend(folder), { password });
    const first = await backup(repository, [source], { packSize });
    const expected = describeTree(source);
    mutateTree(source, { seed: 2, changes: 80, largest: 4e6 });

    let crashes = 0;
    for (let more = true; more;) {
      const crashed = workshop.path("crashed");
      fs.cpSync(folder, crashed, { recursive: true });
      more = await crashBackup(crashed, crashes + 1, applied);
      if (more) crashes++;
      removeLocks(crashed);

      await expectWhole(crashed, first.snapshot?.id ?? "", expected);
      await mustOn({ workshop, folder: crashed }, "restic", ["check", "--read-data"]);
      fs.rmSync(crashed, { recursive: true });
    }

    // A lock, at least two packs, an index and a snapshot are written, and the lock is removed.
    expect(crashes).toBeGreaterThan(5);
  },
);
