import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPeer, requirePeer, Workshop, type RunResult, type ToolName } from "./peers.ts";

const NOBODY = 65534;
const TOOLS = ["tsbak", "restic"] satisfies ToolName[];

/** One of everything that somebody else cannot read, or cannot restore. */
const MAKE_TREE = `
umask 022
echo text > readable; setfattr -n user.kept -v x readable; setfattr -n trusted.lost -v x readable
echo text > secret; chmod 600 secret
mkdir open closed listed passed
ln secret open/secret
echo text > closed/file; chmod 700 closed
echo text > listed/one; mkdir listed/two; chmod 744 listed
echo text > passed/file; chmod 711 passed
ln -s nowhere symlink; mkfifo fifo; chmod 600 fifo
mknod null c 1 3; mknod zero c 1 5
cp /bin/true capable; setcap cap_net_raw+ep capable
cp /bin/true own; chown ${NOBODY}:${NOBODY} own; chmod 4755 own
`;
const UNREADABLE = [...["closed", "listed/one", "listed/two", "open/secret", "passed", "secret"]];

let workshop: Workshop;

function isPossible(): boolean {
  const canRun = (path: string): boolean =>
    spawnSync("test", ["-x", path], { uid: NOBODY, gid: NOBODY }).status === 0;
  const isAble =
    process.getuid?.() === 0 &&
    [process.execPath, findPeer("restic")?.[0] ?? ""].every(canRun) &&
    ["setfattr", "setcap"].every((tool) => spawnSync("which", [tool]).status === 0);
  if (!isAble)
    console.warn("SKIPPED TESTS: running as another user takes root, attr and libcap2-bin");
  return isAble;
}

beforeAll(() => {
  workshop = new Workshop();
  for (const name of ["home", "cache", "tmp"]) chmodSync(workshop.path(name), 0o777);
  chmodSync(workshop.folder, 0o777);
  mkdirSync(workshop.path("source"));
  execFileSync("bash", ["-euc", MAKE_TREE], { cwd: workshop.path("source"), stdio: "pipe" });
});
afterAll(() => workshop.close());

function run(tool: ToolName, ...args: string[]): Promise<RunResult> {
  return workshop.run(tool, args, { user: NOBODY, cwd: workshop.path("source") });
}

/** The paths that errors name, those of restic relative to the source as ours are. */
function named(stderr: string): string[] {
  const paths = stderr.split("\n").flatMap((line) => /^error: (.*)/.exec(line)?.[1] ?? []);
  return paths
    .map((text) => text.replace(/^openfile for readdirnames failed: open /, ""))
    .map((text) => text.replace(`${workshop.path("source")}/`, "").replace(/: .*/, ""))
    .sort();
}

describe.skipIf(!TOOLS.every(requirePeer) || !isPossible())("a user without rights", () => {
  test("backs up what can be read, and is told of the rest once, as by restic", async () => {
    const repository = ["-r", workshop.path("backup")];
    await run("tsbak", ...repository, "init");
    const ours = await run("tsbak", ...repository, "backup", ".");
    const theirs = await run("restic", ...repository, "backup", "--force", ".");

    expect([ours.code, theirs.code]).toEqual([3, 3]);
    expect(named(ours.stderr)).toEqual(UNREADABLE);
    expect(named(theirs.stderr)).toEqual(UNREADABLE);
    const { stdout } = await run("restic", ...repository, "snapshots", "--json");
    const trees = (JSON.parse(stdout) as { tree: string }[]).map(({ tree }) => tree);
    expect(trees[0]).toBe(trees[1]);
    expect((await run("restic", ...repository, "check", "--read-data")).code).toBe(0);
  });

  test("restores what may be restored, and is told of the rest in a few lines", async () => {
    const repository = ["--no-cache", "-r", workshop.path("restore")];
    await workshop.must("tsbak", [...repository, "init"]);
    await workshop.must("tsbak", [...repository, "backup", "."], { cwd: workshop.path("source") });
    execFileSync("chmod", ["-R", "a+rwX", workshop.path("restore")]);
    const [ours, theirs] = [workshop.path("ours"), workshop.path("theirs")];
    const result = await run("tsbak", ...repository, "restore", "latest", "--target", ours);
    const other = await run("restic", ...repository, "restore", "latest", "--target", theirs);

    expect([result.code, other.code]).toEqual([1, 1]);
    expect(result.stderr.trim().split("\n")).toEqual([
      "warning: the owner of 13 entries is not restored: this user cannot give files away",
      expect.stringMatching(/^warning: some extended attributes of 2 entries are not restored/),
      "error: /null: this device is not restored, and with it 1 more: this user cannot make devices",
      "Fatal: Cannot restore everything: there were 2 errors; they are listed above",
    ]);
    expect(describeTree(ours)).toEqual(describeTree(theirs));
    expect(readdirSync(ours)).not.toContain("null");
  });
});

function describeTree(root: string): string[] {
  const args = [root, "-mindepth", "1", "-printf", "%P %y %m %U:%G %s %T@ %l\\n"];
  return execFileSync("find", args, { encoding: "utf8" }).split("\n").sort();
}
