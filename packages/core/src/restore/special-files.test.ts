import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import { restoreAsNobody } from "../testing/restore-as-nobody.ts";
import { restore, type RestoreSummary } from "./restore.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-special-"));
const source = join(top, "source");
const isRoot = process.getuid?.() === 0;
let repository: Repository;
let snapshot: SnapshotEntry;
let target = "";

beforeAll(async () => {
  if (!isRoot) console.warn("SKIPPED in part: only root can make devices");
  fs.mkdirSync(source);
  const fifo = join(source, "fifo");
  execFileSync("mkfifo", [fifo]);
  fs.chmodSync(fifo, 0o622);
  execFileSync("touch", ["-d", "2001-02-03 04:05:06.000000007 UTC", fifo]);
  if (isRoot) {
    execFileSync("mknod", [join(source, "null"), "c", "1", "3"]);
    // Both numbers are too large for one byte.
    execFileSync("mknod", [join(source, "disk"), "b", "300", "70000"]);
    fs.chmodSync(join(source, "disk"), 0o3765);
    fs.chownSync(join(source, "disk"), 12345, 23456);
  }
  repository = await createQuickly(new MemoryBackend(), { password: "secret" });
  snapshot = (await backup(repository, [source], { threads: 1 })).snapshot as SnapshotEntry;
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(() => {
  target = fs.mkdtempSync(join(top, "target-"));
});

function run(): Promise<RestoreSummary> {
  return restore(repository, { ...snapshot, subPath: source }, target, { threads: 1 });
}

/** Type, mode, owner, device number and time of every entry, as coreutils see them. */
function describeNodes(root: string): string {
  const format = "%n %F %a %u:%g %t,%T %y";
  const names = fs.readdirSync(root).sort();
  return execFileSync("stat", ["-c", format, ...names], { cwd: root, encoding: "utf8" });
}

describe("restore() of special files", () => {
  test("makes fifos and, for root, devices, whatever the umask", async () => {
    const mask = process.umask(0o077);
    try {
      const summary = await run();
      expect(summary).toMatchObject({ others: isRoot ? 3 : 1, errors: 0 });
    } finally {
      process.umask(mask);
    }

    expect(describeNodes(target)).toBe(describeNodes(source));
  });

  test("puts them in place of what stands there, without following it", async () => {
    fs.writeFileSync(join(top, "outside"), "untouched");
    fs.symlinkSync(join(top, "outside"), join(target, "fifo"));
    if (isRoot) fs.mkdirSync(join(target, "null"));

    await run();

    expect(describeNodes(target)).toBe(describeNodes(source));
    expect(fs.readFileSync(join(top, "outside"), "utf8")).toBe("untouched");
  });

  test.skipIf(!isRoot)("reports devices if the user may not make them, in one line", () => {
    fs.chmodSync(top, 0o755);

    const errors = restoreAsNobody(source, target).map(
      ({ path, message }) => `${path}: ${message}`,
    );

    expect(errors).toEqual([
      "undefined: the owner of 1 entry is not restored: this user cannot give files away",
      "/disk: this device is not restored, and with it 1 more: this user cannot make devices",
    ]);
    expect(fs.readdirSync(target)).toEqual(["fifo"]);
  });
});
