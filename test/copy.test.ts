import * as fs from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import { copySnapshots, openRepository, rekey } from "@tsbak/core";
import { createQuickly, FaultyBackend } from "@tsbak/core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compareTrees } from "./compare-trees.ts";
import { mutateTree } from "./mutate-tree.ts";
import { requirePeer, Workshop, type ToolName } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import {
  backupStep,
  checkStep,
  initRepository,
  mustOn,
  restoreStep,
  type TestRepository,
} from "./steps.ts";

const password = "correct horse";
/** The smallest allowed, so that one small backup writes several packs. */
const packSize = 4 * 2 ** 20;

let workshop: Workshop;
let source: string;
beforeEach(() => {
  workshop = new Workshop();
  source = workshop.path("source");
});
afterEach(() => workshop.close());

interface Line {
  readonly id: string;
  readonly tree: string;
  readonly original?: string;
  readonly time: string;
}

/** What each snapshot was first, and its root tree. */
async function originsOf(repository: TestRepository): Promise<string[]> {
  const lines = JSON.parse(await mustOn(repository, "restic", ["snapshots", "--json"])) as Line[];
  return lines.map(({ id, original, tree, time }) => [original ?? id, tree, time].join(" ")).sort();
}

function copy(tool: ToolName, from: TestRepository, to: TestRepository): Promise<string> {
  const env = { RESTIC_FROM_PASSWORD: password };
  return mustOn(to, tool, ["copy", "--from-repo", from.folder], { env });
}

test.skipIf(!requirePeer("restic"))(
  "copy makes of a repository what restic's copy makes of it, there and back",
  async () => {
    const first = await initRepository(workshop, "restic", "first");
    makeRandomTree(source, { seed: 1, size: 3e6, files: 60 });
    await backupStep(first, "restic", source);
    mutateTree(source, { seed: 2, changes: 40 });
    const { id } = await backupStep(first, "tsbak", source, { args: ["--tag", "second"] });
    const [ours, theirs] = [
      await initRepository(workshop, "tsbak", "ours"),
      await initRepository(workshop, "restic", "theirs"),
    ];

    await copy("tsbak", first, ours);
    await copy("restic", first, theirs);

    expect(await originsOf(ours)).toEqual(await originsOf(first));
    expect(await originsOf(ours)).toEqual(await originsOf(theirs));
    await checkStep(ours, ["restic", "tsbak"]);
    await restoreStep(ours, "restic", "latest", workshop.path("target"));
    expect(compareTrees(source, workshop.path("target") + source)).toEqual([]);
    // What either of them copied, the other knows.
    const before = fs.readdirSync(join(ours.folder, "snapshots")).length;
    expect(await copy("restic", first, ours)).not.toContain("saved");
    expect(await copy("tsbak", first, theirs)).not.toContain("saved");
    expect(await copy("tsbak", ours, first)).not.toContain("saved");
    expect(fs.readdirSync(join(ours.folder, "snapshots"))).toHaveLength(before);
    await mustOn(first, "restic", ["forget", id]);
    expect(await copy("tsbak", ours, first)).toContain("saved");
    expect(await originsOf(first)).toEqual(await originsOf(theirs));
  },
);

test.skipIf(!requirePeer("restic"))(
  "copy leaves what restic finds whole when it dies, and goes on from there",
  async () => {
    makeRandomTree(source, { seed: 3, size: 9e6, files: 30 });
    const first = await initRepository(workshop, "tsbak", "first");
    await backupStep(first, "tsbak", source);
    mutateTree(source, { seed: 4, changes: 10 });
    await backupStep(first, "tsbak", source);
    const open = async (folder: string): ReturnType<typeof openRepository> =>
      openRepository(await openBackend(folder), { password });

    const expected = await originsOf(first);
    const empty = workshop.path("empty");
    await createQuickly(await openBackend(empty), { password });
    // Before a second pack, after a snapshot: the unit test of copySnapshots() dies at every write.
    for (const at of [3, 6]) {
      const folder = workshop.path(`target-${at}`);
      fs.cpSync(empty, folder, { recursive: true });
      const backend = new FaultyBackend(await openBackend(folder));
      const target = await openRepository(backend, { password });
      backend.crashAt(at, { applied: at % 2 === 0 });
      const options = { packSize, threads: 1 };
      await copySnapshots(await open(first.folder), target, options).catch(() => undefined);
      expect(backend.crashed).toBe(true);
      for (const lock of fs.readdirSync(join(folder, "locks"))) {
        fs.rmSync(join(folder, "locks", lock));
      }

      await mustOn({ workshop, folder }, "restic", ["check", "--read-data"]);
      await copySnapshots(await open(first.folder), await open(folder), options);
      expect(await originsOf({ workshop, folder })).toEqual(expected);
    }
  },
);

test.skipIf(!requirePeer("restic"))(
  "what rekey leaves when it dies is whole for restic",
  async () => {
    makeRandomTree(source, { seed: 3, size: 2e6, files: 20 });
    const first = await initRepository(workshop, "tsbak", "first");
    await backupStep(first, "tsbak", source);
    const env = { RESTIC_PASSWORD: "battery staple" };
    const folder = workshop.path("new");
    await createQuickly(await openBackend(folder), { password: env.RESTIC_PASSWORD });
    const backend = new FaultyBackend(await openBackend(folder));
    const target = await openRepository(backend, { password: env.RESTIC_PASSWORD });
    const opened = await openRepository(await openBackend(first.folder), { password });
    // Before the snapshot; the unit test of rekey() dies at every write.
    backend.crashAt(5, { applied: false });
    await rekey(opened, target, { threads: 1 }).catch(() => undefined);
    expect(backend.crashed).toBe(true);
    fs.rmSync(join(folder, "locks"), { recursive: true });
    fs.mkdirSync(join(folder, "locks"));

    await mustOn({ workshop, folder }, "restic", ["check", "--read-data"], { env });
  },
);

test.skipIf(!requirePeer("restic"))(
  "rekey puts a repository that the old key does not open in the place of the old one",
  async () => {
    const repository = await initRepository(workshop, "restic", "repository");
    makeRandomTree(source, { seed: 5, size: 1e6, files: 20 });
    await backupStep(repository, "restic", source);
    const before = await originsOf(repository);
    fs.writeFileSync(workshop.path("new-password"), "battery staple");
    const rekey = ["rekey", "--new-password-file", workshop.path("new-password")];

    await mustOn(repository, "tsbak", rekey);

    const [old = ""] = fs.readdirSync(workshop.folder).filter((name) => name.includes(".old-"));
    await checkStep({ workshop, folder: workshop.path(old) }, ["restic"]);
    const env = { RESTIC_PASSWORD: "battery staple" };
    await mustOn(repository, "restic", ["check", "--read-data"], { env });
    const list = await mustOn(repository, "restic", ["snapshots", "--json"], { env });
    const lines = JSON.parse(list) as Line[];
    expect(lines.map(({ original, tree, time }) => `${original} ${tree} ${time}`)).toEqual(before);
    const refused = await workshop.run("restic", ["-r", repository.folder, "snapshots"]);
    expect(refused.code).toBe(12);
    // Died between the moves of the two folders: the same command finishes it.
    fs.renameSync(repository.folder, `${repository.folder}.complete`);
    expect(await mustOn(repository, "tsbak", rekey)).toContain("is in its place now");
    await mustOn(repository, "restic", ["snapshots"], { env });
  },
);
