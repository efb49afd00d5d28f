import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareAttributes } from "./compare-attributes.ts";
import { compareTrees } from "./compare-trees.ts";
import { clearFlags, hasInodeFlags, listFlags } from "./inode-flags.ts";
import { requirePeer, Workshop, type ToolName } from "./peers.ts";
import {
  backupStep,
  checkStep,
  initRepository,
  restoreStep,
  type BackupStep,
  type TestRepository,
} from "./steps.ts";

const OWN = ["--with-birth-time", "--with-inode-flags"];
const NOBODY = 65534;

const MAKE_TREE = `
mkdir -p plain fixed/inner/deep growing unsaved
echo one > plain/file; echo two > plain/attribute; setfattr -n user.name -v value plain/attribute
echo three > fixed/file; ln fixed/file plain/linked; echo four > fixed/inner/deep/file
echo five > growing/log; echo six > unsaved/file; : > empty; ln -s nowhere symlink; mkfifo fifo
touch -d 1960-01-01 fixed/inner/deep/file fixed/inner
chattr +i fixed/file empty fixed/inner/deep fixed/inner fixed
chattr +a growing/log growing
chattr +d unsaved unsaved/file
`;

let workshop: Workshop;
let source: string;
let repository: TestRepository;
/** With both options. */
let stored: BackupStep;

function isPossible(): boolean {
  const probe = new Workshop();
  const isPossible = hasInodeFlags(probe.folder);
  probe.close();
  if (!isPossible)
    console.warn("SKIPPED TESTS: inode flags take root, chattr and ext4 or the like");
  return isPossible;
}

const isAble = (["tsbak", "restic"] satisfies ToolName[]).every(requirePeer) && isPossible();

function shell(script: string, cwd: string): string {
  return execFileSync("bash", ["-euc", script], { cwd, encoding: "utf8", stdio: "pipe" });
}

describe.skipIf(!isAble)("inode flags and birth times", () => {
  beforeAll(async () => {
    workshop = new Workshop();
    source = workshop.path("source");
    mkdirSync(source);
    shell(MAKE_TREE, source);
    repository = await initRepository(workshop, "tsbak", "repository");
    stored = await backupStep(repository, "tsbak", ".", { cwd: source, args: OWN });
  });

  afterAll(() => {
    clearFlags(workshop.folder);
    workshop.close();
  });

  test("are restored, after everything else", async () => {
    const target = workshop.path("target");
    await restoreStep(repository, "tsbak", stored.id, target);

    expect(listFlags(target)).toEqual(listFlags(source));
    expect(listFlags(source)).toContain("./fixed/inner/deep i");
    expect([...compareTrees(source, target), ...compareAttributes(source, target)]).toEqual([]);
  });

  test("are listed", async () => {
    const args = ["-r", repository.folder, "ls", "--json", stored.id];
    const lines = (await workshop.must("tsbak", args)).trim().split("\n");
    const nodes = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const found = nodes.find(({ path }) => path === "/fixed/file");

    const { birthtimeNs } = statSync(join(source, "fixed/file"), { bigint: true });
    const seconds = new Date(Number(birthtimeNs / 1_000_000_000n) * 1000)
      .toISOString()
      .slice(0, 19);
    expect(found?.generic_attributes).toEqual({
      "tsbak.birth_time": expect.stringMatching(new RegExp(`^${seconds}[.0-9]*Z$`)) as string,
      "tsbak.inode_flags": 16,
    });
  });

  test("are no more to restic than two warnings", async () => {
    const args = ["-r", repository.folder];
    const target = workshop.path("of restic");
    const restored = await workshop.run("restic", [
      ...args,
      "restore",
      stored.id,
      "--target",
      target,
    ]);
    const checked = await workshop.run("restic", [...args, "check", "--read-data"]);

    expect([restored.code, checked.code]).toEqual([0, 0]);
    await checkStep(repository, ["tsbak"]);
    const warnings = restored.stderr.trim().split("\n");
    expect(warnings.filter((line) => !line.includes("unrecognized generic attribute"))).toEqual([]);
    expect(warnings).toHaveLength(2);
    expect(compareTrees(source, target)).toEqual([]);
  });

  test("are counted where a user may not set them", async () => {
    shell("chmod -R a+rwX .", repository.folder);
    for (const folder of [workshop.folder, workshop.path("home"), workshop.path("tmp")]) {
      chmodSync(folder, 0o777);
    }
    const target = workshop.path("of nobody");
    const args = ["--no-cache", "-r", repository.folder, "restore", stored.id, "--target", target];
    const { code, stderr } = await workshop.run("tsbak", args, { user: NOBODY });

    expect(code).toBe(0);
    expect(stderr).toContain("the inode flags of 7 entries are not restored");
    expect(listFlags(target)).toContain("./unsaved/file d");
  });

  test("are not written twice, and go when nobody asks for them", async () => {
    const options = { cwd: source };
    const again = await backupStep(repository, "tsbak", ".", { ...options, args: OWN });
    const only = await backupStep(repository, "tsbak", ".", { ...options, args: OWN.slice(1) });
    writeFileSync(join(source, "plain/new"), "new");
    const without = await backupStep(repository, "tsbak", ".", options);
    const restic = await backupStep(repository, "restic", ".", { ...options, args: ["--force"] });
    const back = await backupStep(repository, "tsbak", ".", { ...options, args: OWN });
    const same = await backupStep(repository, "tsbak", ".", { ...options, args: OWN });

    expect([again.tree, again.treeBlobs]).toEqual([stored.tree, 0]);
    expect(only.tree).not.toBe(stored.tree);
    expect(without.tree).toBe(restic.tree);
    expect([same.tree, same.treeBlobs]).toEqual([back.tree, 0]);
    expect(back.tree).not.toBe(without.tree);
  });
});
