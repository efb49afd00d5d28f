import * as fs from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import {
  compilePatterns,
  findSnapshot,
  findTree,
  listSnapshots,
  openRepository,
  recover,
  rewriteSnapshots,
  tagSnapshots,
  type Repository,
} from "@tsbak/core";
import { FaultyBackend } from "@tsbak/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer, Workshop, type ToolName } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import { backupStep, checkStep, initRepository, mustOn, runOn } from "./steps.ts";
import type { TestRepository } from "./steps.ts";

const peers = ["tsbak", "restic"] as const;
const password = "correct horse";
let workshop: Workshop;
let source: string;
let repository: TestRepository;

/** Two snapshots of a tree of odd names, and in it some whose names are known. Tests work on copies. */
async function prepare(): Promise<void> {
  workshop = new Workshop();
  source = workshop.path("source");
  repository = await initRepository(workshop, "restic", "repository");
  makeRandomTree(source, { seed: 6, size: 2e6, files: 60 });
  fs.mkdirSync(join(source, "Logs", "deep"), { recursive: true });
  fs.mkdirSync(join(source, "hollow"));
  for (const name of ["one.log", "deep/two.LOG", "deep/three.txt"])
    fs.writeFileSync(join(source, "Logs", name), name);
  await backupStep(repository, "restic", source, { args: ["--tag", "a,b"] });
  fs.writeFileSync(join(source, "Logs", "four.log"), "four");
  await backupStep(repository, "restic", source, { args: ["--tag", "c"] });
}

/** All that snapshots say but their own ids, and those of snapshots that are made by the command. */
async function snapshotsOf(copy: TestRepository): Promise<string[]> {
  const text = await mustOn(copy, "restic", ["snapshots", "--json"]);
  return (JSON.parse(text) as Record<string, unknown>[])
    .map(({ id: _, short_id: __, ...fields }) => JSON.stringify(fields))
    .sort();
}

function copyOf(name: string): TestRepository {
  const folder = workshop.path(`copy-${name}`);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.cpSync(repository.folder, folder, { recursive: true });
  return { workshop, folder };
}

/** Take a pack of data away, of which `repair index` then knows, and damage the list of what is in one folder. */
async function damage(copy: TestRepository): Promise<void> {
  const opened = await openRepository(await openBackend(copy.folder), { password });
  const index = await opened.loadIndex();
  const { snapshot } = await findSnapshot(opened, "latest");
  const folder = await findTree(opened, snapshot.tree, join(source, "Logs", "deep"));
  const [place] = index.locate("tree", folder);
  const packs = new Set<string>();
  index.forEach(({ type, packNumber }) => {
    if (type === "data") packs.add(index.packs[packNumber] ?? "");
  });
  const pathOf = (name = ""): string => join(copy.folder, "data", name.slice(0, 2), name);
  const [lost = ""] = packs;
  fs.rmSync(pathOf(lost));
  const bytes = fs.readFileSync(pathOf(place?.pack));
  const at = (place?.offset ?? 0) + 20;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.chmodSync(pathOf(place?.pack), 0o600);
  fs.writeFileSync(pathOf(place?.pack), bytes);
  const refused = await runOn(copy, "tsbak", ["repair", "snapshots"]);
  expect(refused.stderr).toContain('run "tsbak repair index" first');
  await mustOn(copy, "restic", ["repair", "index"]);
}

type Operation = (repository: Repository) => Promise<unknown>;

/** A snapshot goes first, so that there is something to recover. */
async function recoverForgotten(opened: Repository): Promise<void> {
  const [oldest] = await listSnapshots(opened);
  await opened.backend.remove({ kind: "snapshot", name: oldest?.id ?? "" });
  await recover(opened);
}

/** Run the same command by both tools, each on a copy of its own; gives what is there afterwards. */
async function onCopies(args: readonly string[]): Promise<string[][]> {
  const results: string[][] = [];
  for (const tool of peers satisfies readonly ToolName[]) {
    const copy = copyOf(tool);
    await mustOn(copy, tool, args);
    if (tool === "tsbak" && args[0] !== "tag") await checkStep(copy, ["restic"]);
    results.push(await snapshotsOf(copy));
  }
  return results;
}

describe.skipIf(peers.map(requirePeer).includes(false))("tsbak", () => {
  beforeAll(prepare);
  afterAll(() => workshop.close());

  test("rewrite makes of each snapshot what restic makes of it", async () => {
    const before = await snapshotsOf(repository);
    for (const args of [
      ["--exclude", "*.log"],
      ["--iexclude", `${source}/LOGS/deep`, "--forget"],
      ["--include", "*.log", "--include", "hollow"],
      ["--exclude", "nothing", "--snapshot-summary"],
      ["--new-host", "elsewhere", "--new-time", "2020-02-03 04:05:06", "--tag", "c"],
    ]) {
      const [restic, tsbak] = await onCopies(["rewrite", ...args]);

      expect(tsbak, args.join(" ")).toEqual(restic);
      if (!args.includes("nothing")) expect(tsbak).not.toEqual(before);
    }
  });

  test("tag leaves the tags, in their order, and the original that restic does", async () => {
    for (const args of [
      ["--set", "x,y", "--set", "z"],
      ["--add", "c,d"],
      ["--remove", "a", "--add", "e", "--tag", "a"],
    ]) {
      const [restic, tsbak] = await onCopies(["tag", ...args]);

      expect(tsbak, args.join(" ")).toEqual(restic);
    }
  });

  test("tag and rewrite write nothing a second time, nor in a dry run", async () => {
    const copy = copyOf("twice");
    const dry = ["rewrite", "--exclude", "*.log", "--new-host", "other", "--dry-run", "--forget"];
    const before = fs.readdirSync(copy.folder, { recursive: true }).sort();
    await mustOn(copy, "tsbak", dry);
    expect(fs.readdirSync(copy.folder, { recursive: true }).sort()).toEqual(before);

    const rewrite = ["rewrite", "--exclude", "*.log", "--tag", "a,b", "--tag", "c"];
    await mustOn(copy, "tsbak", rewrite);
    const once = await snapshotsOf(copy);
    await mustOn(copy, "tsbak", [...rewrite, "--json"]);
    expect(await snapshotsOf(copy)).toEqual(once);

    await mustOn(copy, "tsbak", ["tag", "--set", ""]);
    const tags = (await snapshotsOf(copy)).map((text) => JSON.parse(text) as { tags?: [] });
    expect(tags.map((snapshot) => snapshot.tags)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(await mustOn(copy, "tsbak", ["tag", "--set", "", "--json"])).toBe(
      '{"message_type":"summary","changed_snapshots":0}\n',
    );
  });

  test("migrate makes version 2 of version 1, which restic goes on with", async () => {
    const old = await initRepository(workshop, "restic", "old", 1);
    await backupStep(old, "restic", source);
    const readConfig = async (): Promise<Record<string, unknown>> =>
      JSON.parse(await mustOn(old, "restic", ["cat", "config"])) as Record<string, unknown>;
    const before = await readConfig();
    expect(await mustOn(old, "tsbak", ["migrate"])).toContain("upgrade_repo_v2");

    await mustOn(old, "tsbak", ["migrate", "upgrade_repo_v2"]);

    expect(await readConfig()).toEqual({ ...before, version: 2 });
    expect(fs.statSync(join(old.folder, "config")).mode & 0o777).toBe(0o400);
    fs.appendFileSync(join(source, "Logs", "one.log"), "more".repeat(1000));
    await backupStep(old, "tsbak", source);
    await backupStep(old, "restic", source);
    await checkStep(old, peers);
    const again = await runOn(old, "tsbak", ["migrate", "upgrade_repo_v2"]);
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining("already upgraded")]);

    const copy = workshop.path("config-copy");
    fs.renameSync(join(old.folder, "config"), copy);
    expect((await runOn(old, "tsbak", ["snapshots"])).code).toBe(10);
    await mustOn(old, "tsbak", ["migrate", "--restore-config", copy]);
    await mustOn(old, "restic", ["snapshots"]);
  });

  test("repair snapshots makes the trees that restic's makes", async () => {
    const damaged = copyOf("damaged");
    await damage(damaged);
    const trees: string[][] = [];
    for (const tool of peers) {
      const copy = { workshop, folder: workshop.path(`repaired-${tool}`) };
      fs.cpSync(damaged.folder, copy.folder, { recursive: true });
      await mustOn(copy, tool, ["repair", "snapshots", "--forget", "--no-cache"]);
      await mustOn(copy, "restic", ["check"]);
      trees.push(await snapshotsOf(copy));
    }

    expect(trees[1]).toEqual(trees[0]);
    expect(trees[0]).not.toEqual(await snapshotsOf(repository));
  });

  /** The points are between a pack and its index, and between the two places of a snapshot; unit tests die at every write. */
  test.each<[string, readonly number[], Operation]>([
    ["tag", [2, 3], async (repo) => tagSnapshots(repo, await listSnapshots(repo), { add: ["x"] })],
    [
      "rewrite",
      [2, 5],
      async (repo) =>
        rewriteSnapshots(repo, await listSnapshots(repo), {
          exclude: [compilePatterns(["*.log"])],
          forget: true,
        }),
    ],
    ["recover", [2, 3], recoverForgotten],
  ])("what %s leaves when it dies is whole for restic", async (_, points, run) => {
    for (const at of points) {
      const copy = copyOf("crashed");
      const backend = new FaultyBackend(await openBackend(copy.folder));
      const opened = await openRepository(backend, { password });
      backend.crashAt(at, { applied: at % 2 === 0 });
      await run(opened).catch(() => undefined);
      expect(backend.crashed).toBe(true);

      await mustOn(copy, "restic", ["check", "--read-data"]);
    }
  });

  test.each([
    [["tag"], "nothing is to be done"],
    [["tag", "--set", "a", "--add", "b"], "--set takes all other tags away"],
    [["rewrite"], "nothing is to be done"],
    [["rewrite", "--exclude", "a", "--include", "b"], "use one kind"],
    [["rewrite", "--new-time", "yesterday"], "Write a local time"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await runOn(repository, "tsbak", args);

    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
