import * as fs from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import { backup, findSnapshot, openRepository, prune, restore, verify } from "@tsbak/core";
import { BRISK_CLOCK, createQuickly, FaultyBackend } from "@tsbak/core/testing";
import { expect, test } from "vitest";
import { describeTree } from "./compare-trees.ts";
import { mutateTree } from "./mutate-tree.ts";
import { requirePeer, Workshop, type PeerName } from "./peers.ts";
import { provePruneBeside } from "./prove/prune-beside.ts";
import { provePrune } from "./prove/prune.ts";
import { makeRandomTree } from "./random-tree.ts";
import { mustOn, runOn } from "./steps.ts";

const peers: PeerName[] = ["tsbak", "restic"];
const isReady = !peers.map(requirePeer).includes(false);
const password = "correct horse";
/** Nobody else is there. */
const locking = { clock: BRISK_CLOCK };
const packSize = 4 * 2 ** 20;
const source = join(import.meta.dirname, "..", "node_modules", "eslint");

test.skipIf(!isReady).each(["restic", "tsbak"] as const)(
  "prune leaves of a repository that %s grew what restic's leaves",
  async (grower) => {
    const { failures } = await provePrune({
      ...{ source, size: 1e6, versions: 3 },
      growers: [grower],
      variants: 2,
    });

    expect(failures).toEqual([]);
  },
);

test.skipIf(!isReady)(
  "prune works beside backups of restic, and when either is killed",
  async () => {
    const { failures } = await provePruneBeside({ size: 1e6, files: 20, rounds: 2 });

    expect(failures).toEqual([]);
  },
);

/** A repository with one snapshot that is left of three. */
async function growRepository(workshop: Workshop) {
  const folder = workshop.path("repository");
  const tree = workshop.path("source");
  makeRandomTree(tree, { seed: 1, size: 3e6, files: 20 });
  const repository = await createQuickly(await openBackend(folder), { password });
  const ids: string[] = [];
  for (let version = 0; version < 3; version++) {
    if (version > 0) mutateTree(tree, { seed: version, changes: 40, largest: 2e6 });
    const { snapshot } = await backup(repository, [tree], { packSize });
    ids.push(snapshot?.id ?? "");
  }
  for (const name of ids.slice(0, 2)) await repository.backend.remove({ kind: "snapshot", name });
  return { folder, tree, id: ids[2] ?? "", expected: describeTree(tree) };
}

/** Prune through a backend that dies at its nth write; gives whether it did. */
async function crashPrune(folder: string, nth: number): Promise<boolean> {
  const backend = new FaultyBackend(await openBackend(folder));
  const repository = await openRepository(backend, { password, locking });
  // Before it takes effect; what is there then is what is there after the one before.
  backend.crashAt(nth, { applied: false });
  const options = { packSize, maxUnused: { bytes: 0 }, maxWaitMs: 0, threads: 1 };
  // When the last call is the removal of the lock, it may well succeed.
  await prune(repository, options).catch(() => undefined);
  return backend.crashed;
}

/** The process that held them is dead; here it is this very process, so that they do not count as stale. */
function removeLocks(folder: string): void {
  for (const name of fs.readdirSync(join(folder, "locks"))) fs.rmSync(join(folder, "locks", name));
}

/** All points take minutes, as restic and keys take their time: the tests beside the code try each, without restic. */
const STEP = Number(process.env.TSBAK_TEST_CRASH_STEP ?? 5);

test.skipIf(!isReady)(
  "prune() leaves a repository that restic finds whole when it dies at one of its writes",
  async () => {
    const workshop = new Workshop();
    try {
      const { folder, tree, id, expected } = await growRepository(workshop);
      let crashes = 0;
      for (let nth = 1, more = true; more; nth += STEP) {
        const crashed = workshop.path("crashed");
        fs.cpSync(folder, crashed, { recursive: true });
        more = await crashPrune(crashed, nth);
        if (more) crashes++;
        removeLocks(crashed);

        await mustOn({ workshop, folder: crashed }, "restic", ["check", "--read-data"]);
        const repository = await openRepository(await openBackend(crashed), { password, locking });
        expect((await verify(repository, { readData: true, threads: 1 })).errors).toEqual([]);
        const target = workshop.path("target");
        await restore(repository, await findSnapshot(repository, id), target);
        expect(describeTree(target + tree)).toEqual(expected);
        fs.rmSync(target, { recursive: true });
        fs.rmSync(crashed, { recursive: true });
      }

      // Three locks, packs, index files; then index files and packs are removed, and the locks.
      expect(crashes * STEP).toBeGreaterThan(12);
    } finally {
      workshop.close();
    }
  },
);

test.skipIf(!isReady)("prune speaks restic's language", async () => {
  const workshop = new Workshop();
  try {
    const { folder } = await growRepository(workshop);
    const repository = { workshop, folder };
    const options = ["prune", "-n", "--max-unused", "0"];
    // Restic's counter of packs stands among the lines, and which packs it would remove.
    const said = (text: string): string[] =>
      text.split("\n").filter((line) => /^[^W]*(blobs \/|MiB|packs$|packs:)/.test(line));

    const theirs = await mustOn(repository, "restic", [...options, "-v"]);
    const ours = await mustOn(repository, "tsbak", [...options, "-v"]);
    const refused = await runOn(repository, "tsbak", ["prune", "--no-lock"]);
    const quiet = await mustOn(repository, "tsbak", ["prune", "-q"]);
    const json = JSON.parse(await mustOn(repository, "tsbak", ["prune", "--json"])) as object;

    expect(said(ours)).toEqual(said(theirs));
    expect(said(ours).length).toBeGreaterThan(10);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("dry run");
    expect(quiet).toBe("");
    expect(json).toMatchObject({ message_type: "summary", blobs: { unused: 0 } });
    await mustOn(repository, "restic", ["check"]);
  } finally {
    workshop.close();
  }
});
