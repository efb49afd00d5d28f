import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { FileRef } from "@tsbak/core";
import { afterAll, describe, expect, test } from "vitest";

import { LocalBackend } from "./local.ts";

const root = mkdtempSync(join(tmpdir(), "tsbak-local-"));

afterAll(() => rmSync(root, { recursive: true, force: true }), 60_000);

describe("LocalBackend on a full disk", () => {
  const mountPoint = join(root, "full");
  const mounted = mountSmall(mountPoint);
  if (!mounted) console.warn("SKIPPED: the disk-full tests need root and tmpfs");

  afterAll(() => {
    if (mounted) execFileSync("umount", [mountPoint]);
  });

  test.skipIf(!mounted)(
    "write() is no-space and leaves neither the file nor a part of it",
    async () => {
      const backend = new LocalBackend(join(mountPoint, "repository"));
      await backend.create();
      const small = packRef("ab");
      await backend.write(small, new Uint8Array(100_000));

      for (let attempt = 0; attempt < 3; attempt++) {
        const writing = backend.write(packRef("cd"), new Uint8Array(2 << 20));
        await expect(writing).rejects.toMatchObject({ code: "no-space" });
      }

      expect(readdirSync(join(backend.location, "data", "cd"))).toEqual([]);
      await expect(backend.stat(packRef("cd"))).rejects.toMatchObject({ code: "not-found" });
      await backend.write(packRef("ef"), new Uint8Array(100_000));
      expect((await backend.stat(small)).size).toBe(100_000);
    },
  );
});

describe("LocalBackend where the kernel refuses", () => {
  const works = canTrace();
  if (!works) console.warn("SKIPPED: the tests of refused system calls need strace");

  test.skipIf(!works).each(["EPERM", "EOPNOTSUPP", "EMLINK"])(
    "write() does without hard links (%s), and still replaces nothing",
    (errno) => {
      const { outcomes, files } = writeTwice(`link,linkat:error=${errno}`);
      expect(outcomes).toEqual(["done", "already-exists"]);
      expect(files).toEqual(["ab".repeat(32)]);
    },
  );

  test.skipIf(!works).each([
    ["ENOSPC", "no-space"],
    ["EDQUOT", "no-space"],
    ["EIO", "unavailable"],
    ["EROFS", "denied"],
  ])("write() that ends in %s is %s, and leaves nothing behind", (errno, code) => {
    const { outcomes, files } = writeTwice(`fsync:error=${errno}`);
    expect(outcomes).toEqual([code, code]);
    expect(files).toEqual([]);
  });
});

function canTrace(): boolean {
  try {
    execFileSync("strace", ["-qq", "-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Writes the same key twice in a process in which these system calls fail, and tells what became of it. */
function writeTwice(injection: string): { outcomes: string[]; files: string[] } {
  const folder = newFolder();
  const script = `
    import { LocalBackend } from ${JSON.stringify(new URL("./local.ts", import.meta.url).href)};
    import { writeFileSync } from "node:fs";
    const backend = new LocalBackend(process.argv[1]);
    await backend.create();
    const outcomes = [];
    for (const text of ["one", "two"]) {
      const writing = backend.write({ kind: "key", name: "ab".repeat(32) }, Buffer.from(text));
      outcomes.push(await writing.then(() => "done", (error) => error.code));
    }
    writeFileSync(process.argv[1] + "/outcomes", JSON.stringify(outcomes));
    // Not by its normal end, which syncs the standard output and would wait for the injected failure to pass.
    process.kill(process.pid, "SIGKILL");`;
  const calls = injection.slice(0, injection.indexOf(":"));
  const strace = [
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    `trace=${calls}`,
    "-e",
    `inject=${injection}`,
  ];
  const node = ["--conditions=@tsbak/source", "--input-type=module", "-e", script, folder];
  const options = { stdio: "ignore", timeout: 30_000 } as const;
  spawnSync("strace", [...strace, process.execPath, ...node], options);
  const outcomes = JSON.parse(readFileSync(join(folder, "outcomes"), "utf8")) as string[];
  return { outcomes, files: readdirSync(join(folder, "keys")) };
}

function mountSmall(path: string): boolean {
  if (process.getuid?.() !== 0) return false;
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function newFolder(): string {
  return join(mkdtempSync(join(root, "r-")), "repository");
}

function packRef(prefix: string): FileRef {
  return { kind: "pack", name: prefix.repeat(32) };
}
