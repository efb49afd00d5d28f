import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mutateTree } from "./mutate-tree.ts";
import { requirePeer, Workshop, type PeerName } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";

const peers: PeerName[] = ["tsbak", "restic"];
let shop: Workshop;
/** Snapshots, oldest first: two of a plain tree, two of one with odd names. */
let ids: string[];

/** What both tools print of the same repository; standard output alone, unless they fail. */
async function expectSame(args: readonly string[]): Promise<string> {
  const all = ["-r", shop.path("repo"), "--no-lock", ...args];
  const [theirs, ours] = await Promise.all([shop.runRestic("", all), shop.runTsbak(all)]);
  // restic leaves its last line of progress even where nobody sees the others.
  const expected = theirs.stdout.replace(/^\[\d+:\d+\] .*\n/m, "");
  expect(ours.stdout, args.join(" ")).toBe(expected);
  expect(ours.code, args.join(" ")).toBe(theirs.code);
  return ours.stdout;
}

async function backUp(source: string, host: string): Promise<string> {
  const args = ["-r", shop.path("repo"), "backup", "--json", "--host", host, "--tag", `of-${host}`];
  const printed = await shop.must("tsbak", [...args, "."], { cwd: shop.path(source) });
  const summary = JSON.parse(printed.trim().split("\n").at(-1) ?? "") as { snapshot_id: string };
  return summary.snapshot_id;
}

function makePlain(): void {
  const plain = (...names: string[]): string => shop.path("plain", ...names);
  for (const folder of ["a/deep/er", "same/same", "gone/far"]) {
    mkdirSync(plain(folder), { recursive: true });
  }
  for (const name of ["a/one.txt", "a/deep/er/Two.TXT", "same/same/file", "gone/far/file"]) {
    writeFileSync(plain(name), name);
  }
  writeFileSync(plain("a/big"), Buffer.alloc(3e6, "some text to be cut into blobs"));
  symlinkSync("one.txt", plain("a/link"));
  writeFileSync(plain("becomes-folder"), "");
}

function changePlain(): void {
  const plain = (...names: string[]): string => shop.path("plain", ...names);
  rmSync(plain("gone"), { recursive: true });
  rmSync(plain("becomes-folder"));
  mkdirSync(plain("becomes-folder", "inner"), { recursive: true });
  writeFileSync(plain("a/one.txt"), "changed");
  writeFileSync(plain("a/new.txt"), "new");
  renameSync(plain("a/deep/er/Two.TXT"), plain("a/Two.TXT"));
}

describe.skipIf(peers.map(requirePeer).includes(false))("looking into snapshots", () => {
  beforeAll(async () => {
    shop = new Workshop();
    await shop.must("tsbak", ["-r", shop.path("repo"), "init"]);
    makePlain();
    makeRandomTree(shop.path("odd"), { seed: "inspect", size: 3e6, files: 40 });
    ids = [await backUp("plain", "first")];
    changePlain();
    ids.push(await backUp("plain", "second"), await backUp("odd", "third"));
    mutateTree(shop.path("odd"), { seed: "inspect" });
    ids.push(await backUp("odd", "fourth"));
  });
  afterAll(() => shop.close());

  test("diff prints what restic prints", async () => {
    const [a = "", b = "", c = "", d = ""] = ids;
    await expectSame(["diff", a, b]);
    await expectSame(["diff", "--metadata", b, a]);
    await expectSame(["diff", "--json", `${a}:a`, `${b}:a/deep`]);
    await expectSame(["diff", "--quiet", a, a]);
    const odd = await expectSame(["diff", "--json", "--metadata", c, d]);
    expect(odd.split("\n").length).toBeGreaterThan(20);
    await expectSame(["diff", "--json", a, d]);
  });

  test("diff --live compares a snapshot with the disk", async () => {
    const [a = "", b = ""] = ids;
    const compare = (args: readonly string[]): Promise<string> =>
      shop.must("tsbak", ["-r", shop.path("repo"), "--no-lock", "diff", ...args]);

    const same = await compare([
      "--live",
      "--json",
      "--metadata",
      "--read-data",
      b,
      shop.path("plain"),
    ]);
    const older = await compare([`${a}:a`, "--live", shop.path("plain", "a")]);

    const nothing = { files: 0, dirs: 0, others: 0, bytes: 0 };
    expect(JSON.parse(same)).toEqual({
      message_type: "statistics",
      source_snapshot: b,
      target_folder: shop.path("plain"),
      changed_files: 0,
      added: nothing,
      removed: nothing,
    });
    expect(older).toContain("\n-    /deep/er/Two.TXT\n+    /new.txt\nM    /one.txt\n");
    expect((await shop.runTsbak(["-r", shop.path("repo"), "diff", b])).code).toBe(1);
  });

  test("find prints what restic prints, for people and for programs", async () => {
    const [a = ""] = ids;
    await expectSame(["find", "*.txt", "file"]);
    await expectSame(["find", "-l", "--human-readable", "--reverse", "--host", "second", "b*"]);
    await expectSame(["find", "--json", "-i", "TWO*", "link"]);
    await expectSame(["find", "--json", "--snapshot", a, "/a/**", "/*/far"]);
    await expectSame(["find", "--json", "--oldest", "2100-01-01", "*"]);
    const odd = await expectSame(["find", "--json", "--newest", "2000-01-01 10:00", "*"]);
    expect(odd.length).toBeGreaterThan(10_000);
  });

  test("find tells where blobs, trees and packs are used, as restic does", async () => {
    const [a = ""] = ids;
    const folder = await shop.must("tsbak", ["-r", shop.path("repo"), "cat", "tree", `${a}:a`]);
    const [data = ""] = /(?<="content":\[")\w{64}/.exec(folder) ?? [];
    const printed = await shop.must("tsbak", ["-r", shop.path("repo"), "cat", "snapshot", a]);
    const { tree } = JSON.parse(printed) as { tree: string };
    const packs = await shop.must("tsbak", ["-r", shop.path("repo"), "list", "packs"]);
    const objects = await expectSame(["find", "--json", "--blob", data.slice(0, 8)]);
    expect(objects).toContain(data);
    await expectSame(["find", "--blob", "--show-pack-id", data]);
    await expectSame(["find", "--tree", "--show-pack-id", tree]);
    // restic counts the trees that it found across snapshots, and so stops too early in the second.
    await expectSame(["find", "--json", "--snapshot", a, "--pack", packs.slice(0, 8)]);
  });

  test.each(["restore-size", "files-by-contents", "blobs-per-file", "raw-data"])(
    "stats counts in mode %s what restic counts",
    async (mode) => {
      // With more than one snapshot and no order among them restic counts now this, now that.
      const [a = ""] = ids;
      await expectSame(["stats", "--quiet", "--mode", mode, a, "latest"]);
      await expectSame(["stats", "--json", "--mode", mode, "--tag", "of-third"]);
    },
  );

  test("ls sorts, measures and exports to ncdu as restic does", async () => {
    const [, b = "", , d = ""] = ids;
    for (const key of ["time", "ctime", "extension"]) {
      await expectSame(["ls", "--json", "--sort", key, d]);
    }
    await expectSame(["ls", "--json", "--reverse", b]);
    await expectSame(["ls", "--json", "-s", "size", "--reverse", b, "/a", "/same/same"]);
    const odd = await expectSame(["ls", "--ncdu", d]);
    expect(JSON.parse(odd)).toHaveLength(4);
    await expectSame(["ls", "--ncdu", b, "/a", "/same/same"]);
    await expectSame(["ls", "--ncdu", "--recursive", `${b}:a`, "/deep"]);
  });
});
