import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { MemoryBackend } from "../backend/memory.ts";
import type { AttributeRule } from "../fs/attribute-rule.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import { restoreAsNobody } from "../testing/restore-as-nobody.ts";
import type { RestoreNotice } from "./progress.ts";
import { restore, type RestoreSummary } from "./restore.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-attributes-"));
const source = join(top, "source");
const isRoot = process.getuid?.() === 0;
let repository: Repository;
let snapshot: SnapshotEntry;
let target = "";
let notices: RestoreNotice[] = [];

/** cap_net_bind_service, as setcap writes it. */
const CAPABILITY = "0100000200040000000000000000000000000000";
/** An ACL that lets user 12345 read, as setfacl writes it. */
const ACL = `02000000${"01000600ffffffff"}${"0200040039300000"}${"04000400ffffffff"}${"10000400ffffffff"}${"20000000ffffffff"}`;

/** Attributes by path below the source: names and values in hex. */
const USER: Record<string, Record<string, string>> = {
  file: { "user.text": "7465787400", "user.empty": "", "user.binary": "00ff0a80" },
  large: { "user.parts": "01" },
  "empty file": { "user.none": "6e6f6e65", "system.posix_acl_access": ACL },
  directory: { "user.directory": "ff".repeat(200) },
};
const ROOT: Record<string, Record<string, string>> = {
  program: { "security.capability": CAPABILITY },
  link: { "trusted.link": "00" },
  fifo: { "trusted.fifo": "6669666f" },
};
const wanted = isRoot ? { ...USER, ...ROOT } : USER;

const SET = `
import json, os, sys
os.chdir(sys.argv[1])
for path, attributes in json.loads(sys.argv[2]).items():
    for name, value in attributes.items():
        os.setxattr(path, name, bytes.fromhex(value), follow_symlinks=False)
`;
const READ = `
import json, os, sys
os.chdir(sys.argv[1])
found = {}
for folder, folders, files in os.walk("."):
    for path in [os.path.relpath(os.path.join(folder, name)) for name in folders + files]:
        names = os.listxattr(path, follow_symlinks=False)
        if names:
            found[path] = {n: os.getxattr(path, n, follow_symlinks=False).hex() for n in names}
print(json.dumps(found))
`;

function setAttributes(root: string, attributes: object): void {
  execFileSync("python3", ["-c", SET, root, JSON.stringify(attributes)], { stdio: "pipe" });
}

function readAttributes(root: string): unknown {
  return JSON.parse(execFileSync("python3", ["-c", READ, root], { encoding: "utf8" }));
}

function canSetAttributes(): boolean {
  const probe = JSON.stringify({ ".": { "user.probe": "01" } });
  const isAble = spawnSync("python3", ["-c", SET, top, probe]).status === 0;
  if (!isAble) console.warn("SKIPPED: python3 cannot set extended attributes in", top);
  if (isAble && !isRoot) console.warn("SKIPPED in part: only root can set capabilities");
  return isAble;
}

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

describe.skipIf(!canSetAttributes())("restore() of extended attributes", () => {
  beforeAll(async () => {
    makeSource();
    repository = await createQuickly(new MemoryBackend(), { password: "secret" });
    snapshot = (await backup(repository, [source], { threads: 1 })).snapshot as SnapshotEntry;
  });

  beforeEach(() => {
    target = fs.mkdtempSync(join(top, "target-"));
    notices = [];
  });

  test("brings all back on files, directories, links and fifos, and nothing else", async () => {
    const summary = await run();

    expect(readAttributes(source)).toEqual(wanted);
    expect(readAttributes(target)).toEqual(wanted);
    expect(summary.errors).toBe(0);
    expect(notices.filter(({ kind }) => kind === "warning" || kind === "error")).toEqual([]);
    expect(describeTree(target)).toEqual(describeTree(source));
  });

  test("removes those of a directory that was there before", async () => {
    fs.mkdirSync(join(target, "plain"));
    fs.mkdirSync(join(target, "directory"));
    const old = { "user.old": "01" };
    setAttributes(target, { plain: old, directory: old });

    await run();

    expect(readAttributes(target)).toEqual(wanted);
  });

  test("keeps nothing of the ACLs that the target and its directories give on", async () => {
    for (const name of ["plain", "directory"]) fs.mkdirSync(join(target, name));
    const given = { "system.posix_acl_default": ACL };
    setAttributes(target, { ".": given, plain: given });

    const summary = await run();

    expect(summary.errors).toBe(0);
    expect(readAttributes(target)).toEqual(wanted);
    expect(describeTree(target)).toEqual(describeTree(source));
  });

  test("with a rule, sets and removes only those that it selects", async () => {
    fs.mkdirSync(join(target, "directory"));
    setAttributes(target, { directory: { "user.old": "01", "user.directory": "02" } });

    await run({
      kind: "exclude",
      patterns: { patterns: ["user.*"], ignoreCase: false, origins: [] },
    });

    const others = Object.entries(wanted).map(([path, attributes]) => {
      const names = Object.entries(attributes).filter(([name]) => !name.startsWith("user."));
      return [path, Object.fromEntries(names)] as const;
    });
    expect(readAttributes(target)).toEqual({
      ...Object.fromEntries(others.filter(([, names]) => Object.keys(names).length > 0)),
      directory: { "user.old": "01", "user.directory": "02" },
    });

    await run({
      kind: "include",
      patterns: { patterns: ["user.*"], ignoreCase: false, origins: [] },
    });

    // The others went with the entries that were made anew, and with the owner that was set.
    expect(readAttributes(target)).toEqual(USER);
  });

  test.skipIf(!isRoot)("warns at the end if the user may not set some, and sets the others", () => {
    fs.chmodSync(top, 0o755);

    const told = restoreAsNobody(source, target);

    expect(told.map(({ kind, message }) => `${kind}: ${message}`)).toEqual([
      "warning: the owner of 9 entries is not restored: this user cannot give files away",
      expect.stringContaining("warning: some extended attributes of 3 entries are not restored"),
    ]);
    expect(readAttributes(target)).toEqual(USER);
  });
});

function makeSource(): void {
  fs.mkdirSync(join(source, "directory"), { recursive: true });
  fs.mkdirSync(join(source, "plain"));
  for (const name of ["file", "program", "plain/file"]) fs.writeFileSync(join(source, name), name);
  fs.writeFileSync(join(source, "empty file"), "");
  // Two blobs at least: finished by another task than a small file.
  fs.writeFileSync(join(source, "large"), Buffer.alloc(9 << 20, "large"));
  fs.chmodSync(join(source, "file"), 0o400);
  fs.symlinkSync("nowhere", join(source, "link"));
  execFileSync("mkfifo", [join(source, "fifo")]);
  setAttributes(source, wanted);
}

function run(attributes?: AttributeRule): Promise<RestoreSummary> {
  const onEvent = (notice: RestoreNotice): void => void notices.push(notice);
  const from = { ...snapshot, subPath: source };
  return restore(repository, from, target, { onEvent, threads: 2, attributes });
}

function describeTree(root: string): string[] {
  const format = "%P %y %m %U:%G %T@ %n %l\\n";
  const args = [root, "-mindepth", "1", "-printf", format];
  return execFileSync("find", args, { encoding: "latin1" }).split("\n").sort();
}
