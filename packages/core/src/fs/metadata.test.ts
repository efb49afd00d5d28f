import { execFileSync } from "node:child_process";
import { closeSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeEach, expect, test } from "vitest";

import { MetadataSetter } from "./metadata.ts";
import type { EntryMetadata } from "./metadata.ts";
import { toPathBytes as b } from "./path.ts";
import { RootedDirectory } from "./rooted.ts";
import { statFile } from "./stat.ts";

const top = mkdtempSync(join(tmpdir(), "tsbak-metadata-"));
let target = "";
const ROOT = new Uint8Array(0);

afterAll(() => rmSync(top, { recursive: true, force: true }));

beforeEach(() => {
  target = join(mkdtempSync(join(top, "t-")), "target");
  mkdirSync(target);
});

function metadata(change: Partial<EntryMetadata>): EntryMetadata {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const time = { seconds: 1_600_000_000, nanoseconds: 1 };
  return { ...owner, mode: 0o640, atime: time, mtime: time, ...change };
}

test("MetadataSetter without koffi keeps microseconds, before 1970 too", () => {
  const root = new RootedDirectory(b(target), { metadata: withoutPosix() });
  const mtime = { seconds: -6, nanoseconds: 500_000_000 };
  const fd = root.createFile(ROOT, b("f"));
  root.finishFile(fd, metadata({ mtime }));
  closeSync(fd);
  closeSync(root.createFile(ROOT, b("g")));
  root.setMetadata(ROOT, b("g"), metadata({ mtime }), { isSymlink: false });
  root.symlink(ROOT, b("s"), b("x"));
  root.setMetadata(ROOT, b("s"), metadata({ mtime }), { isSymlink: true });
  expect(root.keepsNanoseconds).toBe(false);
  root.close();

  for (const name of ["f", "g", "s"]) {
    const stat = statFile(b(join(target, name)));
    expect([stat.mtimeSeconds, stat.mtimeNanoseconds, stat.atimeSeconds]).toEqual([-6, 5e8, 16e8]);
  }
});

test.skipIf(process.getuid?.() !== 0)(
  "MetadataSetter who is not root ignores foreign owners, and drops setuid with them",
  () => {
    const script = `
      import { openSync, closeSync } from "node:fs";
      process.setegid(65534); process.seteuid(65534);
      const { MetadataSetter } = await import(${JSON.stringify(new URL("./metadata.ts", import.meta.url).href)});
      const time = { seconds: 5, nanoseconds: 7 };
      for (const [name, uid] of [["mine", 65534], ["foreign", 0]]) {
        const fd = openSync(process.argv[1] + "/" + name, "w");
        new MetadataSetter().setByDescriptor(fd, { uid, gid: 65534, mode: 0o4755, atime: time, mtime: time });
        closeSync(fd);
      }`;
    const folder = join(target, "open");
    mkdirSync(folder);
    execFileSync("chown", ["65534:65534", folder]);
    execFileSync("chmod", ["o+x", top, join(target, ".."), target]);
    execFileSync(process.execPath, ["--input-type=module", "-e", script, folder], {
      stdio: "pipe",
    });

    expect(lstatSync(join(folder, "mine")).mode & 0o7777).toBe(0o4755);
    expect(lstatSync(join(folder, "foreign")).mode & 0o7777).toBe(0o755);
    expect(statFile(b(join(folder, "foreign")))).toMatchObject({ uid: 65534, mtimeNanoseconds: 7 });
  },
);

function withoutPosix(): MetadataSetter {
  return new MetadataSetter(null);
}
