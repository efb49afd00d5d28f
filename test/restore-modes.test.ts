import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareTrees, describeTree } from "./compare-trees.ts";
import { mutateTree } from "./mutate-tree.ts";
import { requirePeer, Workshop, type PeerName, type RunResult, type ToolName } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import { Random } from "./random.ts";

const peers: PeerName[] = ["tsbak", "restic"];

/** Trees that are restored over. */
const SEEDS = 2;

/** Everything is older than what the tests change later. */
const OLD = new Date("2020-02-02T02:02:02.123Z");
const NEW = new Date("2022-02-02T02:02:02.123Z");

describe.skipIf(peers.map(requirePeer).includes(false))("restore, beside restic", () => {
  let shop: Workshop;

  beforeAll(async () => {
    shop = new Workshop();
    const source = shop.path("source");
    fs.mkdirSync(join(source, "d/e"), { recursive: true });
    fs.mkdirSync(join(source, "empty folder"));
    fs.writeFileSync(join(source, "small"), "small\n");
    fs.writeFileSync(join(source, "d/f"), "hello\n");
    fs.writeFileSync(join(source, "d/e/deep"), "deep\n");
    fs.writeFileSync(join(source, "empty"), "");
    fs.writeFileSync(join(source, "big"), new Random(1).bytes(3_000_000));
    fs.linkSync(join(source, "big"), join(source, "d/big too"));
    fs.symlinkSync("nowhere", join(source, "link"));
    age(source, OLD);
    await shop.must("restic", ["-r", shop.path("repo"), "init"]);
    await shop.must("restic", ["-r", shop.path("repo"), "backup", "."], { cwd: source });
    await shop.must("tsbak", ["-r", shop.path("repo"), "restore", "latest", "-t", target()]);
    fs.renameSync(target(), shop.path("restored"));
  });
  afterAll(() => shop.close());

  function target(): string {
    return shop.path("target");
  }

  /** Let a tool restore over a copy of what was restored before, after a change. */
  async function runOver(tool: ToolName, change: () => void, args: string[]): Promise<Outcome> {
    fs.rmSync(target(), { recursive: true, force: true });
    const options = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true };
    fs.cpSync(shop.path("restored"), target(), options);
    change();
    const all = ["-r", shop.path("repo"), "restore", "latest", "-t", target(), "-vv", ...args];
    const result = await shop.run(tool, all);
    return { code: result.code, lines: linesOf(result), tree: describeTree(target()) };
  }

  function changeSome(): void {
    const at = (name: string): string => join(target(), name);
    fs.writeFileSync(at("small"), "SMALL\n");
    fs.truncateSync(at("big"), 2_000_000);
    fs.rmSync(at("d/f"));
    fs.mkdirSync(at("x/y"), { recursive: true });
    for (const name of ["x/y/z", "x/b.keep", "d/new"]) fs.writeFileSync(at(name), "new");
    age(target(), NEW);
    fs.utimesSync(at("small"), OLD, OLD);
    fs.utimesSync(at("d/e/deep"), new Date(0), new Date(0));
  }

  function putInTheWay(): void {
    for (const name of ["small", "d"]) fs.rmSync(join(target(), name), { recursive: true });
    fs.mkdirSync(join(target(), "small/below"), { recursive: true });
    fs.symlinkSync(shop.path("source"), join(target(), "d"));
    fs.rmSync(join(target(), "big"));
    fs.symlinkSync(shop.path("source", "small"), join(target(), "big"));
  }

  test.each<[string, "some" | "way", string[]]>([
    ["some changed", "some", ["--json"]],
    ["--delete", "some", ["--delete"]],
    ["--delete --dry-run", "some", ["--delete", "--dry-run", "--json"]],
    ["--overwrite if-changed", "some", ["--overwrite", "if-changed"]],
    ["--overwrite if-newer", "some", ["--overwrite", "if-newer"]],
    ["--overwrite never", "some", ["--overwrite", "never"]],
    ["--delete with patterns", "some", ["--delete", "-i", "/d", "-i", "/x/y"]],
    ["other things in the way", "way", ["--delete", "--sparse"]],
  ])("does and says the same: %s", async (_, change, args) => {
    const changes = { some: changeSome, way: putInTheWay };

    const theirs = await runOver("restic", changes[change], args);
    const ours = await runOver("tsbak", changes[change], args);

    expect(ours.code).toBe(theirs.code);
    expect(ours.lines).toEqual(theirs.lines);
    expect(ours.tree).toEqual(theirs.tree);
  });

  test.each([
    ["deleting at the root", ["-t", "/", "--delete", "--dry-run"]],
    ["verifying a dry run", ["-t", "x", "--dry-run", "--verify"]],
    ["two kinds of attribute patterns", ["-t", "x", "--include-xattr=a", "--exclude-xattr=b"]],
    ["a pattern that is none", ["-t", "x", "--include-xattr=["]],
  ])("refuses %s, as restic does", async (_, args) => {
    const all = ["-r", shop.path("repo"), "restore", "latest", ...args];

    const theirs = await shop.run("restic", all);
    const ours = await shop.run("tsbak", all, { cwd: shop.folder });

    expect([theirs.code, ours.code]).toEqual([1, 1]);
    expect(ours.stderr).toMatch(/^Fatal: [^\n]+\n$/);
  });
});

test.skipIf(!requirePeer("tsbak") || !requirePeer("rsync"))(
  "restore over a tree that was changed at random makes it what it was",
  async () => {
    const shop = new Workshop();
    const [source, target] = [shop.path("source"), shop.path("target")];
    const inShop = ["-r", shop.path("repo")];
    makeRandomTree(source, { seed: 1, size: 4e6, files: 60 });
    // Two that are changed in place rather than replaced.
    for (const name of ["large 1", "large 2"])
      fs.writeFileSync(join(source, name), new Random(name).bytes(18_000_000));
    await shop.must("tsbak", [...inShop, "init"]);
    await shop.must("tsbak", [...inShop, "backup", "."], { cwd: source });
    const restore = [...inShop, "restore", "latest", "-t", target, "--delete", "--verify"];
    await shop.must("tsbak", restore);

    for (let seed = 0; seed < SEEDS; seed++) {
      mutateTree(target, { seed, changes: 100 });
      await shop.must("tsbak", restore);
      expect(compareTrees(source, target), `after changes of seed ${seed}`).toEqual([]);
    }
    shop.close();
  },
);

test.skipIf(!requirePeer("tsbak"))("restore goes on after it was killed", async () => {
  const shop = new Workshop();
  const [source, target] = [shop.path("source"), shop.path("target")];
  const restore = ["-r", shop.path("repo"), "restore", "latest", "-t", target];
  fs.mkdirSync(source);
  fs.writeFileSync(join(source, "large"), new Random(2).bytes(100_000_000));
  fs.writeFileSync(join(source, "small"), "small");
  await shop.must("tsbak", ["-r", shop.path("repo"), "init"]);
  await shop.must("tsbak", ["-r", shop.path("repo"), "backup", "."], { cwd: source });

  const child = shop.start("tsbak", restore);
  const hasParts = (): boolean => listNames(target).some((name) => name.startsWith(".tsbak-part-"));
  while (!hasParts() && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill("SIGKILL");
  await once(child, "close");
  expect(listNames(target)).not.toContain("large");
  await shop.must("tsbak", restore);

  expect(listNames(target).sort()).toEqual(["large", "small"]);
  expect(describeTree(target)).toEqual(describeTree(source));
  shop.close();
});

/** None if there is no such folder yet. */
function listNames(folder: string): string[] {
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
}

interface Outcome {
  readonly code: number;
  readonly lines: readonly string[];
  readonly tree: ReadonlyMap<string, string>;
}

/** Set the times of everything below a folder. */
function age(root: string, time: Date): void {
  for (const name of fs.readdirSync(root, { recursive: true, encoding: "utf8" })) {
    fs.lutimesSync(join(root, name), time, time);
  }
}

/**
 * What both tools print, in any order, but for durations. In restic's totals of what is to be restored links count that are left
 * alone; ours have none of them.
 */
function linesOf({ stdout }: RunResult): string[] {
  return stdout
    .split("\n")
    .filter((line) => !line.startsWith("restoring ") && !line.includes('"status"'))
    .map((line) =>
      line
        .replace(/ in \d:\d\d/, "")
        .replace(/"seconds_elapsed":\d+,/, "")
        .replace(/"total_files":\d+,/, "")
        .replace(/ \/ \d+ files\/dirs \((.*) \/ .*\)/, " files/dirs ($1)"),
    )
    .sort();
}
