import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ForgedRepository,
  forgeDirectory,
  forgeFile,
  forgeLink,
  forgeNode,
} from "./forged-repository.ts";
import { requirePeer, Workshop, type RunResult } from "./peers.ts";
import { proveHostile } from "./prove/hostile.ts";

let workshop: Workshop;
let repository: string;
/** Everything that is forged to go elsewhere points here. */
let outside: string;
let snapshots: Record<keyof ReturnType<typeof forgeTrees>, string>;

beforeAll(async () => {
  workshop = new Workshop();
  repository = workshop.path("repository");
  outside = workshop.path("outside");
  mkdirSync(outside);
  const forged = await ForgedRepository.create(repository, "correct horse");
  snapshots = await forged.finish(forgeTrees(forged, outside));
});
afterAll(() => workshop.close());

interface ForgedTrees {
  readonly names: string;
  readonly twice: string;
  readonly linked: string;
  readonly sizes: string;
  readonly ids: string;
  readonly numbers: string;
  readonly types: string;
}

function forgeTrees(forged: ForgedRepository, evilPath: string): ForgedTrees {
  const content = [forged.data("good")];
  const file = (name: string, fields = {}): string => forgeFile(name, 4, content, fields);
  const inner = forged.tree(file("evil"));
  const directory = (name: string): string => forgeDirectory(name, inner);
  const lost = "ab".repeat(32);
  return {
    names: forged.tree(
      ...["", ".", "..", "../evil", `${evilPath}/evil`, "a/b", "nul\\x00"].map((name) =>
        file(name),
      ),
      ...[".", "..", "../evil", evilPath].map((name) => directory(name)),
      file("good"),
    ),
    twice: forged.tree(
      file("a"),
      forgeFile("a", 0, []),
      file("b"),
      directory("b"),
      directory("c"),
      file("c"),
    ),
    linked: forged.tree(
      forgeLink("way", evilPath),
      directory("way"),
      directory("yaw"),
      forgeLink("yaw", evilPath),
    ),
    sizes: forged.tree(
      forgeFile("fewer", 3, content),
      forgeFile("huge", 2 ** 53 - 1, content),
      forgeFile("more", 5, content),
      forgeFile("none", 4, []),
    ),
    ids: forged.tree(
      forgeFile("data is a tree", 4, [inner]),
      forgeFile("data is lost", 4, [lost]),
      forgeNode("no data", "file"),
      forgeNode("no tree", "dir"),
      forgeDirectory("tree is data", content[0] ?? ""),
      forgeDirectory("tree is lost", lost),
      file("good"),
    ),
    numbers: forged.tree(
      forgeDirectory("huge", forged.tree(file("f", { uid: 2 ** 32 }), file("g"))),
      forgeDirectory("negative", forged.tree(file("f", { size: -1 }), file("g"))),
      forgeDirectory("odd", forged.tree(file("f", { mode: 0.5 }), file("g"))),
      file("good"),
    ),
    types: forged.tree(
      forgeNode("device", "dev", { device: 2 ** 53 - 1 }),
      forgeLink("link", "../".repeat(50)),
      forgeLink("link of NUL", "a\0b"),
      forgeLink("link to nowhere", ""),
      forgeLink("long link", "x".repeat(5000)),
      forgeNode("portal", "portal"),
    ),
  };
}

interface Restored extends RunResult {
  readonly target: string;
  /** Paths of the entries that were refused, as they are printed, in their order. */
  readonly refused: readonly string[];
}

async function restoreForged(name: keyof ForgedTrees, ...args: string[]): Promise<Restored> {
  const target = join(mkdtempSync(workshop.path("restored-")), "target");
  const command = ["-r", repository, "restore", snapshots[name], "--target", target, ...args];
  const result = await workshop.runTsbak(command);
  const refused = result.stderr
    .split("\n")
    .flatMap((line) => /^error: (.*?): /.exec(line)?.[1] ?? []);
  expect(readdirSync(outside)).toEqual([]);
  expect(readdirSync(join(target, ".."))).toEqual(["target"]);
  return { ...result, target, refused };
}

describe.skipIf(!requirePeer("tsbak"))("restore of a forged snapshot", () => {
  test("refuses names that lead elsewhere, and restores the rest", async () => {
    const { code, target, refused } = await restoreForged("names");

    expect(code).toBe(1);
    expect(readdirSync(target)).toEqual(["good"]);
    expect(refused).toHaveLength(11);
    expect(refused).toContain("/../evil");
    expect(refused).toContain("/nul\\x00");
  });

  test("takes the first of several entries of one name", async () => {
    const { code, target, refused } = await restoreForged("twice");

    expect(code).toBe(1);
    expect(refused).toEqual(["/a", "/b", "/c"]);
    expect(["a", "b", "c/evil"].map((path) => readFileSync(join(target, path), "utf8"))).toEqual([
      "good",
      "good",
      "good",
    ]);
  });

  test.each([[[]], [["--include", "/way/evil", "--include", "/yaw/evil"]]])(
    "does not write through a symlink that has the name of a directory, with %j",
    async (args) => {
      const { code, target, refused } = await restoreForged("linked", ...args);

      expect(code).toBe(1);
      expect(refused).toContain("/way");
      expect(readdirSync(join(target, "yaw"))).toEqual(["evil"]);
    },
  );

  test("names files whose contents are longer or shorter than was noted", async () => {
    const { code, refused } = await restoreForged("sizes");

    expect(code).toBe(1);
    expect(refused).toEqual(["/fewer", "/huge", "/more", "/none"]);
  });

  test("names what refers to blobs that are not there, or of the wrong kind", async () => {
    const { code, target, refused } = await restoreForged("ids");

    expect(code).toBe(1);
    expect(refused).toEqual([
      "/data is a tree",
      "/data is lost",
      "/no data",
      "/no tree",
      "/tree is data",
      "/tree is lost",
    ]);
    expect(readFileSync(join(target, "good"), "utf8")).toBe("good");
  });

  test("refuses a directory in which a number is no number", async () => {
    const { code, target, refused } = await restoreForged("numbers");

    expect(code).toBe(1);
    expect(refused).toEqual(["/huge", "/negative", "/odd"]);
    expect(readFileSync(join(target, "good"), "utf8")).toBe("good");
  });

  test("refuses types, devices and links that no system has", async () => {
    const { code, target, refused } = await restoreForged("types");

    expect(code).toBe(1);
    expect([...refused].sort()).toEqual([
      "/device",
      "/link of NUL",
      "/link to nowhere",
      "/long link",
      "/portal",
    ]);
    expect(readlinkSync(join(target, "link"))).toBe("../".repeat(50));
  });
});

describe.skipIf(!requirePeer("tsbak"))("dump of a forged snapshot", () => {
  test.each([
    ["names", ["good"]],
    ["linked", ["way", "yaw/", "yaw/evil"]],
  ] as const)("makes an archive of %s that leads nowhere else", async (name, paths) => {
    const { code, stdout } = await workshop.runTsbak([
      "-r",
      repository,
      "dump",
      snapshots[name],
      "/",
    ]);
    const listed = execFileSync("tar", ["-tf", "-"], { input: stdout, encoding: "utf8" });

    expect(code).toBe(1);
    expect(listed.trim().split("\n")).toEqual(paths);
  });
});

describe.skipIf(!requirePeer("tsbak"))("verify of a forged repository", () => {
  test("names what restic's check names", async () => {
    const { code, stderr } = await workshop.runTsbak(["-r", repository, "verify"]);

    expect(code).toBe(1);
    for (const fault of [
      'entry "" has no name',
      'entry "portal" has the unknown type "portal"',
      'entry "no data" is a file without contents',
      'entry "no tree" is a directory without a tree',
      `data blob ${"ab".repeat(32)} is needed`,
      `tree blob ${"ab".repeat(32)} is needed`,
      'field "uid" is not an integer',
    ]) {
      expect(stderr).toContain(fault);
    }
  });
});

describe.skipIf(!requirePeer("tsbak"))("a snapshot that was forged to use up the machine", () => {
  test("is listed, verified and restored, or refused, in the time that is usual", async () => {
    const { failures } = await proveHostile({ entries: 5000, depth: 3000, levels: 40 });

    expect(failures).toEqual([]);
  });
});
