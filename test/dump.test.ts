import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareAttributes } from "./compare-attributes.ts";
import { compareTrees } from "./compare-trees.ts";
import { findPeer, requirePeer, Workshop, type PeerName } from "./peers.ts";
import { makeTortureTree } from "./torture-tree.ts";

const peers: PeerName[] = ["tsbak", "restic", "rsync", "unzip"];
const isPossible = process.getuid?.() === 0 && fs.existsSync("/dev/shm");
if (!isPossible) console.warn("SKIPPED TESTS: dumping everything takes root and /dev/shm");
/** GNU tar, told to bring back all that is in the archive. */
const UNPACK =
  "tar -x --warning=no-timestamp --numeric-owner -p --xattrs --xattrs-include=* --acls -C".split(
    " ",
  );

let shop: Workshop;
/** Ids of snapshots of a tree with everything, and of one that a zip can hold. */
let everything: string;
let simple: string;

/** Dump to a file, which standard output is. */
function dump(tool: "tsbak" | "restic", args: readonly string[], file: string): void {
  const [program = "", ...first] = findPeer(tool) ?? [];
  const stdout = fs.openSync(file, "w");
  const all = [...first, "-r", shop.path("repo"), "--no-lock", "dump", ...args];
  const result = spawnSync(program, all, {
    env: shop.environment(),
    stdio: ["ignore", stdout, "pipe"],
    encoding: "utf8",
  });
  fs.closeSync(stdout);
  expect(result.stderr).toBe("");
  expect(result.status).toBe(0);
}

function unpack(command: readonly string[], target: string, rest: readonly string[]): void {
  fs.mkdirSync(target);
  const [program = "", ...args] = [...command, target, ...rest];
  const result = spawnSync(program, args, { encoding: "utf8" });
  expect(result.stderr).toBe("");
  expect(result.status).toBe(0);
}

async function backUp(source: string): Promise<string> {
  const args = ["-r", shop.path("repo"), "backup", "--json", "."];
  const printed = await shop.must("tsbak", args, { cwd: source });
  return (JSON.parse(printed.trim().split("\n").at(-1) ?? "") as { snapshot_id: string })
    .snapshot_id;
}

function makeSimple(folder: string): void {
  fs.mkdirSync(`${folder}/sub/empty`, { recursive: true });
  fs.writeFileSync(`${folder}/sub/größe`, "text");
  fs.writeFileSync(`${folder}/large`, Buffer.alloc(3e6, "a text that can be compressed"));
  fs.writeFileSync(`${folder}/nothing`, "");
  fs.symlinkSync("sub/größe", `${folder}/link`);
  fs.chmodSync(`${folder}/large`, 0o4750);
  fs.chownSync(`${folder}/large`, 4_000_000_000, 33);
  for (const name of ["sub/größe", "large", "nothing", "sub/empty", "sub"]) {
    fs.utimesSync(`${folder}/${name}`, 1_000_000_000, 1_000_000_000);
  }
}

describe.skipIf(peers.map(requirePeer).includes(false) || !isPossible)("dump", () => {
  beforeAll(async () => {
    shop = new Workshop("/dev/shm");
    await shop.must("tsbak", ["-r", shop.path("repo"), "init"]);
    for (const name of ["source", "simple"]) fs.mkdirSync(shop.path(name));
    makeTortureTree(shop.path("source"), { entries: 200, sparseSize: 2e7 });
    everything = await backUp(shop.path("source"));
    // Nobody restores sockets, and of several names restic makes several files.
    fs.rmSync(shop.path("source", "socket"));
    makeSimple(shop.path("simple"));
    simple = await backUp(shop.path("simple"));
  });
  afterAll(() => shop.close());

  test("a folder as tar is unpacked to what was saved, with all metadata", () => {
    dump("tsbak", [everything, "/"], shop.path("ours.tar"));
    unpack(UNPACK, shop.path("unpacked"), ["-f", shop.path("ours.tar")]);

    const [source, target] = [shop.path("source"), shop.path("unpacked")];
    const differences = [...compareTrees(source, target), ...compareAttributes(source, target)];
    expect(differences.filter((line) => !line.includes("links/"))).toEqual([]);
  });

  test("restic's tar of the same folder is unpacked to the same, as far as it goes", () => {
    dump("restic", [everything, "/"], shop.path("theirs.tar"));
    unpack(UNPACK, shop.path("theirs"), ["-f", shop.path("theirs.tar")]);

    // restic rounds times to seconds, and of what is neither file, folder nor symlink only what lies in the folder itself.
    const lines = [shop.path("unpacked"), shop.path("theirs")].map(describeFiles);
    expect(lines[0]?.length).toBeGreaterThan(600);
    expect(lines[0]).toEqual(lines[1]);
    expect(compareAttributes(shop.path("unpacked"), shop.path("theirs"))).toEqual([]);
  });

  test("a folder as zip is unpacked to what was saved", () => {
    dump("tsbak", ["-a", "zip", simple, "/"], shop.path("ours.zip"));
    unpack(["unzip", "-qXK", shop.path("ours.zip"), "-d"], shop.path("unzipped"), []);

    const differences = compareTrees(shop.path("simple"), shop.path("unzipped"));
    // unzip leaves the times of symlinks as they come.
    expect(differences.filter((line) => !/link\b/.test(line))).toEqual([]);
    expect(fs.readlinkSync(shop.path("unzipped/link"))).toBe("sub/größe");
  });

  test("tar.gz is the tar, compressed; a part of the snapshot has its whole path", () => {
    dump("tsbak", [simple, "sub"], shop.path("sub.tar"));
    dump("tsbak", ["-a", "tar.gz", simple, "/sub"], shop.path("sub.tar.gz"));
    const inner = spawnSync("gzip", ["-dc", shop.path("sub.tar.gz")]).stdout;

    expect(inner.equals(fs.readFileSync(shop.path("sub.tar")))).toBe(true);
    const names = spawnSync("tar", ["-tf", shop.path("sub.tar"), "--quoting-style=literal"]).stdout;
    expect(names.toString()).toBe("sub/empty/\nsub/größe\n");
  });

  test("a file is written as it is, to standard output or to a file", async () => {
    dump("tsbak", [`${simple}:sub`, "größe"], shop.path("small"));
    const args = ["-r", shop.path("repo"), "dump", "-t", shop.path("large"), simple, "/large"];
    await shop.must("tsbak", args);

    expect(fs.readFileSync(shop.path("small"), "utf8")).toBe("text");
    const large = fs.readFileSync(shop.path("simple/large"));
    expect(fs.readFileSync(shop.path("large")).equals(large)).toBe(true);
  });

  test("what is not there and what has no contents is refused in one line", async () => {
    for (const path of ["/nowhere", "/link", "/large/inside"]) {
      const result = await shop.runTsbak(["-r", shop.path("repo"), "dump", simple, path]);

      expect(result.code).toBe(1);
      expect(result.stdout).toBe("");
      expect(result.stderr).toMatch(/^Fatal: Cannot [^\n]+\n$/);
    }
  });

  test("says so and fails when there is no room for what it writes", async () => {
    const [program = "", ...first] = findPeer("tsbak") ?? [];
    const args = [...first, "-r", shop.path("repo"), "--no-lock", "dump", simple, "/large"];
    const full = fs.openSync("/dev/full", "w");
    const env = shop.environment();
    const result = spawnSync(program, args, { env, stdio: ["ignore", full, "pipe"] });
    fs.closeSync(full);
    const named = await shop.runTsbak([...args.slice(first.length), "-t", "/dev/full"]);

    for (const [code, stderr] of [
      [result.status, result.stderr.toString()],
      [named.code, named.stderr],
    ] as const) {
      expect(code).toBe(1);
      expect(stderr).toMatch(/^Fatal: Cannot [^\n]+ENOSPC\)\n$/);
    }
  });

  test("ends quietly when nobody reads any more", async () => {
    const [program = "", ...first] = findPeer("tsbak") ?? [];
    const args = [...first, "-r", shop.path("repo"), "dump", everything, "/sparse"];
    const child = spawn(program, args, { env: shop.environment(), stdio: "pipe" });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = (await once(child, "close")) as [number];

    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(fs.readdirSync(shop.path("repo/locks"))).toEqual([]);
  });
});

/** A line for each file and symlink, and one for each folder, with what both archives keep exactly. */
function describeFiles(folder: string): string[] {
  // Sizes of folders are the file system's own affair.
  const format = (size: string): string[] => ["-printf", `%y %m %U %G ${size} %l %P\\0`];
  const find = ["-mindepth", "1", "-type", "f", ...format("%s"), "-o", "-type", "l", ...format("")];
  const directories = ["-o", "-type", "d", ...format("")];
  const { stdout } = spawnSync("find", [folder, ...find, ...directories], { encoding: "latin1" });
  const sums = "find . -type f -print0 | sort -z | xargs -0 sha256sum";
  const hashes = spawnSync("bash", ["-c", sums], { cwd: folder, encoding: "latin1" }).stdout;
  return [...stdout.split("\0").sort(), ...hashes.split("\n")];
}
